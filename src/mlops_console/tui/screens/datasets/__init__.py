"""`:datasets`: every dataset version, what has changed in it, what is in it, who has read it, and what it holds."""
