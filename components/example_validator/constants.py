"""Names that the component shares with the gate and the resolvers; imports nothing heavy."""

ANOMALY_COUNT = "anomaly_count"
ROWS_FILE = "rows.json"
"""Beside the anomalies of a split: some of the examples that are meant (see `rows.offending`)."""
