"""Short reviews whose words tell the class, of very different lengths."""

from __future__ import annotations

import pandas as pd

GOOD = ("lovely", "great", "a joy", "moving", "wonderful", "funny")
BAD = ("dull", "awful", "a bore", "clumsy", "terrible", "wooden")
MIXED = ("fair", "so-so", "neither here nor there", "average", "mixed", "tolerable")
SUBJECTS = ("The film", "This story", "Her acting", "Its ending", "The music", "That scene")
CLASSES = {"bad": BAD, "good": GOOD, "mixed": MIXED}


def frame(rows: int, classes: tuple[str, ...] = ("bad", "good"), start: int = 0) -> pd.DataFrame:
    """Columns text and label; text `start + i` has 1 to 6 sentences, of one class."""
    texts, labels = [], []
    for number in range(start, start + rows):
        label = classes[number % len(classes)]
        words = CLASSES[label]
        sentences = [
            f"{SUBJECTS[(number * 5 + k) % 6]} is {words[(number // 3 + k * k) % 6]}{'!' if k % 2 else '.'}"
            for k in range(1 + number * 7 % 6)
        ]
        texts.append("<br />".join(sentences))
        labels.append(label)
    return pd.DataFrame({"text": texts, "label": labels})
