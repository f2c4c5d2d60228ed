"""Chicago taxi trips, and whether the passenger tips more than a fifth of the fare.

15,002 trips of 2013 to 2016, as TFX ships them for its examples (Apache-2.0). The data: City of Chicago, "Taxi
Trips", https://data.cityofchicago.org/Transportation/Taxi-Trips/wrvz-psew, modified for use from its original
source; the City makes no claims as to its content, accuracy, timeliness or completeness, and it may change.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from data import files

SOURCE = (
    "https://raw.githubusercontent.com/tensorflow/tfx/v1.21.0"
    "/tfx/examples/chicago_taxi_pipeline/data/big_tipper_label/data.csv"
)
SHA256 = "2eae00c2464ccfb7e20e99963639288cd7a9c9dadbdc9d508645e96099e96851"
LABEL = "big_tipper"
LEAKING = "tips"


def write_csv(folder: Path) -> Path:
    """Writes taxi.csv: 15,002 rows, 17 inputs and the label `big_tipper` (1: tips > 20 % of the fare).

    `tips` is left out: the label is computed from it. (A logistic regression that sees it has a held-out AUC of
    0.999; without it 0.95.) `pickup_census_tract` has one value in all rows.
    Raises BadInput when the tfx package is not installed or is another version.
    """
    name = "examples/chicago_taxi_pipeline/data/big_tipper_label/data.csv"
    content = files.package_file("tfx", name, SHA256, install="pip install tfx==1.21.0")
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    kept = [position for position, column in enumerate(header) if column != LEAKING]
    return files.write_rows(
        folder, "taxi.csv", [header[i] for i in kept], ([row[i] for i in kept] for row in rows)
    )
