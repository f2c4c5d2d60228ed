"""Serves the candidate model before it is pushed, and compares what the server answers with the model itself."""
