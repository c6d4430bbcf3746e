"""The tabs of the comparison of marked runs."""
