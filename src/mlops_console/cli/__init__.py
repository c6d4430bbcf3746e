"""The shell commands: one module per noun. The only place that prints."""
