"""Datasets: reading, fingerprint, schema, profile and sample. pandas and NumPy are imported when they are needed."""
