"""Delivery: gates, plans, and how a revision comes to serve."""
