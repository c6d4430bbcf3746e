"""Drift: has the live data moved away from the data that a model version was trained on?"""
