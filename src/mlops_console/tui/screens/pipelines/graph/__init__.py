"""The stages of a pipeline as a drawing from left to right: pure functions of the stages and the size."""
