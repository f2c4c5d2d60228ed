"""Spark on this machine, inside Beam's job server for it: `make spark`."""
