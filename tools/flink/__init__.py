"""Flink on this machine, with Beam's job server before it: `make flink`."""
