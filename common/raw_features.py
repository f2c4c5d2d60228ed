"""Raw features in requests: how their tensors are named, and what stands for a missing number."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

MISSING_INT = -(2**31)
"""Stands for a missing integer in a request: int64 has no NaN, and -2**31 is exact in JSON and in every client."""


def tensor_names(features: Iterable[str]) -> dict[str, str]:
    """Return the name of each feature's tensor in a signature.

    It is the feature's own name, with "_" for characters that TensorFlow does not take, after words that Python
    keeps for itself, and a number where two names would then be one (TensorFlow takes upper and lower case for the
    same).
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for feature in sorted(features):
        plain = re.sub(r"[^A-Za-z0-9_.-]", "_", feature)
        plain = plain if re.match(r"[A-Za-z0-9.]", plain) else f"x{plain}"
        plain = f"{plain}_" if keyword.iskeyword(plain) or plain == "self" else plain
        name, number = plain, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name.lower())
        names[feature] = name
    return names
