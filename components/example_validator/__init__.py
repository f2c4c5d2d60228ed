"""ExampleValidator with drift and skew: writes every anomaly as an artifact, with a count that a gate can read."""
