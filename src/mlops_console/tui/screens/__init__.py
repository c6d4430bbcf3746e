"""The main screen, the views in it and the dialogues over it; one folder per view."""
