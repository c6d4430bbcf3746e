"""Storing and loading models, and what they take and give."""
