"""What is answered live, window by window: rows from the prediction log, counts from the servers."""
