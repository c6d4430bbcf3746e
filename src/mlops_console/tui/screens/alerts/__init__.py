"""The alerts: what wants a person, what was done about it, and who was told."""
