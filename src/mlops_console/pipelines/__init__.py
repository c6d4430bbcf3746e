"""Pipelines: the order of their stages, their params, and running them."""
