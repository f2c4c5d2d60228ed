"""Names that the component shares with the summary; imports nothing heavy."""

WARNINGS = "warnings"
"""Custom property of the Examples artifact: a JSON list of lines on its images that people should read."""
