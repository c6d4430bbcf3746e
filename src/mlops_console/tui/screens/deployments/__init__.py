"""View 5: what each environment serves, and how it came to."""
