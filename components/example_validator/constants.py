"""Names that the component shares with the gate and the resolvers; imports nothing heavy."""

ANOMALY_COUNT = "anomaly_count"
ROWS_FILE = "rows.json"
"""Beside the anomalies of a split: some of the examples that are meant (see `rows.offending`)."""
DRIFT = "drift.json"
# Where no bound is set a column counts as drifted that moved farther than this, and than so many times what chance
# makes of a sample of its size.
NOTABLE = 0.05
TIMES_CHANCE = 3.0
