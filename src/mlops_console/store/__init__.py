"""The workspace's SQLite store and object store. All SQL of the product is here."""
