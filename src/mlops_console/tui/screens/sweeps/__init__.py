"""`:sweeps`: every sweep, how its trials went, and what comes of the best one."""
