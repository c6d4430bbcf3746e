"""Figures of a candidate that take its model, its data or the traffic; measured in a process of their own."""
