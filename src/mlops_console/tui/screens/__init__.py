"""The main screen, the eight views in it and the dialogues over it; one folder per view."""
