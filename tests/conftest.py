"""For all tests."""

from __future__ import annotations

import signal

# A job in the background of a shell ignores Ctrl-C, and hands that on to every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
