"""View 4: every model version, with its aliases, metrics and where it is live."""
