"""To be imported by a process of which model servers are forked: what `components.serving_check.child` imports."""

from __future__ import annotations

import os
import sys

# What TensorFlow says when it is imported is not what the command says that needs it first.
for stream in (1, 2):
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
sys.modules["keras"] = None  # type: ignore[assignment]
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import serving.assembly  # noqa: E402, F401
