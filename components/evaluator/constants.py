"""Files of an evaluation beside TFMA's own."""

VERDICT = "verdict.json"
CONFUSION = "confusion.json"
CALIBRATION = "calibration.json"
MISTAKES = "mistakes"
"""The folder of the worst predictions, with MISTAKES_FILE and pictures."""
MISTAKES_FILE = "mistakes.json"
