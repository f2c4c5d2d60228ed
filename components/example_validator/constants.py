"""Names that the component shares with the gate and the resolvers; imports nothing heavy."""

ANOMALY_COUNT = "anomaly_count"
