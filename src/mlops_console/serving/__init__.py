"""The model server: one process per environment, which follows the environment's desired revision in the store."""
