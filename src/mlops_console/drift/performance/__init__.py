"""What a model is worth on live rows: estimated without labels, realised with them, and whether its error moves."""
