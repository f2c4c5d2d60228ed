"""Opens the reports of full-size runs without a network, holds them against the artifacts, and takes a picture of each.

    python -m benchmarks.results --keep FOLDER penguin taxi fashion_cnn imdb_lstm translate_en_es
    python -m benchmarks.report_pictures FOLDER

Ends with an error where a report lacks a figure or its page complains.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.measure import REPOSITORY
from pipeline import metadata
from pipeline.home import Home
from tests.reports import figures
from tests.reports.browser import Browser, running

IMAGES = REPOSITORY / "docs" / "images"
WIDTH, HEIGHT = 1180, 900
# Pipeline -> where in its report the picture begins.
REPORTS = {
    "penguin": "#verdict",
    "taxi": "#data",
    "fashion_cnn": "#evaluation h3:has-text('Curves')",
    "imdb_lstm": "#attributions",
    "translate_en_es": "#evaluation h3:has-text('Samples')",
}
# These two measure no attributions: the one by its configuration, the other because a translation has none.
HOLLOW = {"penguin": {"attributions"}, "translate_en_es": {"attributions"}}


def main() -> None:
    """Writes docs/images/report-<pipeline>.png for each pipeline whose home is in the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where benchmarks.results --keep left the homes")
    folder = parser.parse_args().folder
    with running() as browser:
        for name in REPORTS:
            if (folder / name).exists():
                _photograph(browser, Home(folder / name / "home"), name)
                print(f"{name}: all figures are there", flush=True)


def _photograph(browser: Browser, home: Home, name: str) -> None:
    runs = metadata.run_contexts(metadata.open_store(home), name)
    hollow = HOLLOW.get(name, set()) | ({"trend"} if len(runs) == 1 else set())
    with browser.page(home.report(name, runs[-1].name), width=WIDTH) as page:
        figures.check(page, home, name, hollow)
        top = page.locator(REPORTS[name]).bounding_box()["y"]
        clip = {"x": 0, "y": top, "width": WIDTH, "height": HEIGHT}
        page.screenshot(path=IMAGES / f"report-{name}.png", clip=clip, full_page=True)


if __name__ == "__main__":
    main()
