"""Runners: thin, each launches the same nodes."""
