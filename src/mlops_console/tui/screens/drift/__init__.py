"""View 6: how far the live data is from the reference, feature by feature."""
