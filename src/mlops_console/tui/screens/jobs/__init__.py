"""View 7: what the worker does, has done and will do."""
