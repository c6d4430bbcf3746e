"""View 2: every run, filtered, sorted, compared."""
