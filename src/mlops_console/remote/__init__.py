"""Stages on other machines: the side at home sends and follows, the far side runs in a Dask worker."""
