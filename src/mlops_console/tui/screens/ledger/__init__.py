"""View 8: who did what and when, in a chain that shows tampering."""
