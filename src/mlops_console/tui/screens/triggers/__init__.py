"""The triggers: what starts pipelines by itself."""
