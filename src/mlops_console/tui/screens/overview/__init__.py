"""The first view: what is live, is it healthy, is it drifting, what is running, what needs you."""
