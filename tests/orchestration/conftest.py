"""The projects of the end-to-end tests."""

from tests.end_to_end.conftest import finished, first_run, fresh

__all__ = ["finished", "first_run", "fresh"]
