"""How far two samples are apart, and how far chance alone would have put them."""
