"""The console: it only draws and asks. It reads through `store`, off the UI thread, and acts through `actions`."""
