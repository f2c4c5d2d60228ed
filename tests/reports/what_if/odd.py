"""Models with formulas for answers, of two numbers at once, texts and pictures; their names and values are full of HTML."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from common.raw_features import MISSING_INT
from pipeline.home import Home
from serving.client_types import Signature, Tensor
from tests.reports.what_if import birds

END = "</script><script>alert(1)</script>"
QUOTED = "\"länge\" in 'mm' onmouseover=alert(2)"
ON_ERROR = "<img src=x onerror=alert(3)>"
NUMBERS = ("<b>fat</b> €", QUOTED)
CLASSES = (END, f'"><svg onload=alert(4)>{ON_ERROR}')
# The first has a value for everything, the last for nothing.
THINGS = [
    {END: 41.5, QUOTED: ON_ERROR, "ge wicht": 30},
    {END: 39.5, QUOTED: "plain", "ge wicht": 60},
    {END: None, QUOTED: END, "ge wicht": 45},
    {END: None, QUOTED: None, "ge wicht": None},
]
TEXTS = ["a good film", f"a bad {ON_ERROR} film", f"{END} good", "nothing at all", "bad bad play"]
SIDE = 28


def numbers(row: Mapping[str, Any]) -> list[float]:
    """Both outputs of `things`."""
    length, weight = row[END], row["ge wicht"]
    known = 0.0 if length is None or np.isnan(length) else float(length)
    return [
        2 * known + 10 * (row[QUOTED] == ON_ERROR),
        0.0 if weight in (None, MISSING_INT) else weight / 10,
    ]


def goodness(text: str) -> float:
    """The score of the second class of `texts`: by how many more words are good than bad."""
    words = text.split()
    return float(1 / (1 + np.exp(words.count("bad") - words.count("good"))))


def brightness(encoded: bytes) -> float:
    """The score of the second class of `pictures`: how bright the left upper quarter is."""
    pixels = np.asarray(Image.open(io.BytesIO(encoded)).convert("L"), float)
    return float(pixels[: pixels.shape[0] // 2, : pixels.shape[1] // 2].mean() / 255)


def pictures() -> list[bytes]:
    """Squares of one grey, from black to white."""
    return [png(Image.new("L", (SIDE, SIDE), grey)) for grey in (0, 60, 120, 180, 255)]


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def home_of(root: Path) -> Home:
    """A home with `things`, `texts` and `pictures`, whose models are no models."""
    for hour, name in enumerate(("things", "texts", "pictures")):
        home = birds.home_of(root, name, hour=hour)
    things = [numbers(row) for row in THINGS]
    birds.write_predictions(
        birds.evaluation(home, pipeline="things"),
        "regression",
        NUMBERS,
        [],
        **{f"raw_{name}": [row[name] for row in THINGS] for name in THINGS[0]},
        **{
            f"label_{name}": pa.array([row[i] for row in things], pa.float32())
            for i, name in enumerate(NUMBERS)
        },
        **{
            f"prediction_{name}": pa.array([row[i] for row in things], pa.float32())
            for i, name in enumerate(NUMBERS)
        },
        loss=pa.array([0.1, 0.2, 0.3, 0.0], pa.float32()),
    )
    classes(home, "texts", [goodness(text) for text in TEXTS], raw_text=TEXTS)
    records = [birds.serialized({"image": picture}) for picture in pictures()]
    scores = [brightness(picture) for picture in pictures()]
    classes(home, "pictures", scores, example=pa.array(records, pa.binary()))
    return home


def classes(home: Home, pipeline: str, scores: Sequence[float], **columns: Any) -> None:
    """The held-out examples of a model of CLASSES."""
    both = np.array([[1 - score, score] for score in scores], np.float32)
    named = [CLASSES[int(score > 0.5)] for score in scores]
    birds.write_predictions(
        birds.evaluation(home, pipeline=pipeline),
        "multiclass",
        [END],
        CLASSES,
        **columns,
        label=named,
        predicted=named,
        scores=pa.FixedSizeListArray.from_arrays(pa.array(both.ravel()), 2),
        loss=pa.array(1 - both.max(axis=1)),
    )


class OddModels:
    """Answers by the formulas, in the place of `Models`."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def signatures(self, folder: Path) -> dict[str, Signature]:
        one = Tensor("DT_FLOAT", (-1, 1))
        if folder.parent.name == "things":
            kinds = {END: "DT_FLOAT", QUOTED: "DT_STRING", "ge wicht": "DT_INT64"}
            inputs = {name: Tensor(kind, (-1,)) for name, kind in kinds.items()}
            return {"serving_default": Signature(inputs, dict.fromkeys(NUMBERS, one), "")}
        outputs = {"probabilities": Tensor("DT_FLOAT", (-1, 2)), "label": Tensor("DT_STRING", (-1,))}
        if folder.parent.name == "texts":
            return {"serving_default": Signature({"text": Tensor("DT_STRING", (-1,))}, outputs, "")}
        return {
            "serving_default": Signature({"image": Tensor("DT_FLOAT", (-1, SIDE, SIDE, 1))}, outputs, ""),
            "serving_bytes": Signature({"image_bytes": Tensor("DT_STRING", (-1,))}, outputs, ""),
        }

    def predict(
        self, folder: Path, signature: str, rows: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        self.batches.append(len(rows))
        if folder.parent.name == "things":
            found = [numbers(row) for row in rows]
            return [{name: [value] for name, value in zip(NUMBERS, row, strict=True)} for row in found]
        of_text = folder.parent.name == "texts"
        scores = [goodness(row["text"]) if of_text else brightness(row["image_bytes"]) for row in rows]
        return [{"probabilities": [1 - s, s], "label": CLASSES[int(s > 0.5)]} for s in scores]
