"""What tests of the server share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base path for one model, which does not exist yet."""
    return tmp_path / "models" / "m"
