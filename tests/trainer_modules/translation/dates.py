"""Free-form dates and the same in ISO 8601, drawn at random."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd

FORMS = ("%d %B %Y", "%B %d, %Y", "%d.%m.%Y", "%a %d %b %Y", "%d/%m/%y", "%A, %B %d %Y")


def frame(count: int, seed: int = 0, forms: tuple[str, ...] = FORMS) -> pd.DataFrame:
    """Columns `source` and `target`, of days from 1970 to 2029."""
    rng = np.random.default_rng(seed)
    days = [
        datetime.date(1970, 1, 1) + datetime.timedelta(int(day)) for day in rng.integers(0, 21_900, count)
    ]
    chosen = rng.integers(0, len(forms), count)
    sources = [day.strftime(forms[form]) for day, form in zip(days, chosen, strict=True)]
    return pd.DataFrame({"source": sources, "target": [day.isoformat() for day in days]})
