"""View 3: the pipelines of mlops.toml and how far their newest run is."""
