"""The page in a real browser, over SavedModels: what it shows is what the model answers, and nothing of the data executes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

from pipeline.home import Home
from reports.ui.app import application
from reports.what_if import bench
from tests.reports import browser
from tests.reports.what_if import birds, odd

ROWS = birds.rows()
SECONDS = 60_000


@contextmanager
def shown(home: Home) -> Iterator[str]:
    """The address of the app over a home."""
    server = uvicorn.Server(uvicorn.Config(application(home), port=0, lifespan="off", log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def address(real_home: Home) -> Iterator[str]:
    with shown(real_home) as found:
        yield found


@contextmanager
def page_of(chromium: Any, url: str, width: int = 1280) -> Iterator[Any]:
    """Playwright's Page of an address, ready to be used; it must have no trouble and ask no other host."""
    troubles: list[str] = []
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.on("console", lambda message: troubles.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
    origin = "/".join(url.split("/")[:3])
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((origin, "data:", "blob:"))
            else troubles.append(f"request: {request.url}")
        ),
    )
    page.set_default_timeout(SECONDS)
    page.goto(url)
    page.locator("html[data-ready]").wait_for(state="attached")
    yield page
    context.close()
    assert troubles == []


def is_text(page: Any, selector: str, text: str) -> None:
    """Wait until an element has this text."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_text(text, timeout=SECONDS)


def test_a_session_at_the_bench(address: str, real_home: Home) -> None:
    import tensorflow as tf

    loaded = {
        version: tf.saved_model.load(str(real_home.serving("birds") / str(version))) for version in (1, 2)
    }

    def answered(version: int, bill: float, island: str, mass: int) -> str:
        asked = {
            "bill": tf.constant([bill], tf.float32),
            "island": tf.constant([island]),
            "mass": tf.constant([mass], tf.int64),
        }
        found = loaded[version].signatures["serving_default"](**asked)["probability"].numpy()
        return f"{found[0, 0]:.4f}"

    row = next(place for place, row in enumerate(ROWS) if row["island"] == birds.EVIL)
    own = ROWS[row]
    first, second = ".answer[data-version='1'] [data-score]", ".answer[data-version='2'] [data-score]"
    with (
        browser.running() as running,
        page_of(running.chromium, f"{address}/what-if/birds?version=1&against=2&example={row}") as page,
    ):
        # The example as it is, with HTML among its values.
        is_text(page, first, answered(1, own["bill"], own["island"], own["mass"]))
        assert page.locator("[data-field=island] input").input_value() == birds.EVIL
        assert page.locator("#list tbody").inner_text().count("<img") > 0
        assert page.locator("img").count() == 0

        # Edited, missing, wrong.
        page.locator("[data-field=bill] input:not([type=range])").fill("51.5")
        is_text(page, first, answered(1, 51.5, own["island"], own["mass"]))
        page.locator("[data-field=island] input").fill("Dream")
        is_text(page, first, answered(1, 51.5, "Dream", own["mass"]))
        is_text(page, second, answered(2, 51.5, "Dream", own["mass"]))
        is_text(page, "[data-field=bill] .line", f"was {own['bill']:.1f}".removesuffix(".0"))
        page.locator("[data-field=bill] .missing").click()
        is_text(page, first, answered(1, float("nan"), "Dream", own["mass"]))
        page.locator("[data-field=mass] input:not([type=range])").fill("heavy")
        is_text(page, "[data-field=mass] .line", "'heavy' is no number")
        page.get_by_text("Undo all edits").click()
        is_text(page, first, answered(1, own["bill"], own["island"], own["mass"]))

        # The threshold and its matrix.
        scores = np.float32([birds.probability(one) for one in ROWS])
        true = np.array(birds.labels()) == 1
        for threshold in (0.5, 0.3):
            page.locator("#threshold-number").fill(str(threshold))
            page.locator("#threshold-number").press("Enter")
            called = scores > threshold
            is_text(page, "[data-cell=tp]", str(int((called & true).sum())))
            is_text(page, "[data-cell=fp]", str(int((called & ~true).sum())))
            is_text(page, "[data-cell=fn]", str(int((~called & true).sum())))
            is_text(page, "[data-cell=tn]", str(int((~called & ~true).sum())))
        page.locator("#decisions [name=column]").select_option("island")
        page.locator("[data-constraint=opportunity]").click()
        page.locator("#met", has_text="within 0.01").wait_for()
        assert page.locator("#slices tbody tr").count() == 4

        # The curve, and the counterfactual on the bench.
        page.locator("#dependence [name=feature]").select_option("mass")
        page.locator("#dependence svg[aria-label='yes over mass'] path.own").wait_for()
        page.locator("#counterfactual").get_by_text("Find", exact=True).click()
        found = page.locator("#counterfactual .found p").first
        found.wait_for()
        other = int(found.inner_text().split()[1].rstrip(","))
        page.get_by_text("put it on the bench").click()
        theirs = ROWS[other]
        is_text(
            page,
            first,
            answered(1, theirs["bill"] or float("nan"), theirs["island"] or "", theirs["mass"]),
        )
        apart = [abs(birds.probability(one, 1) - birds.probability(one, 2)) for one in ROWS]
        is_text(page, "#versions tbody tr:first-child .pick", str(int(np.argmax(apart))))


def test_names_texts_and_classes_full_of_html_are_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """page_of sees to it that nothing executes or is asked for."""
    monkeypatch.setattr(bench, "Models", odd.OddModels)
    with browser.running() as running, shown(odd.home_of(tmp_path)) as address:
        with page_of(running.chromium, f"{address}/what-if/things?example=0") as page:
            scores = [cell.get_attribute("data-score") for cell in page.locator("[data-score]").all()]
            assert scores == list(odd.NUMBERS)
            is_text(page, "#answers tr:first-child [data-score]", "93")
            weight = page.get_by_role("textbox", name="ge wicht")
            weight.fill("50")
            is_text(page, "#answers tr:last-child [data-score]", "5")
            page.get_by_role("combobox", name=odd.QUOTED).fill(odd.END)
            is_text(page, "#answers tr:first-child [data-score]", "83")
            page.locator("#dependence [name=feature]").select_option(odd.QUOTED)
            page.locator("#dependence svg").get_by_text(odd.ON_ERROR[:8]).first.wait_for(state="attached")
            page.locator("#counterfactual").get_by_text("Find", exact=True).click()
            page.locator("#counterfactual .found tbody tr").first.wait_for()
            # The example that has nothing: every field is missing, and it has an answer.
            page.locator("#list .pick[aria-label='Example 3']").click()
            is_text(page, "#answers tr:first-child [data-score]", "0")
            assert page.locator("#fields .is-missing").count() == 3
        with page_of(running.chromium, f"{address}/what-if/texts?example=1") as page:
            is_text(page, "#answers [data-label]", odd.CLASSES[0])
            marks = page.locator("#occlusion mark")
            marks.first.wait_for()
            assert "".join(marks.all_inner_texts()).split() == odd.TEXTS[1].split()
            [most] = page.locator("#occlusion mark[style*='75%']").all_inner_texts()
            assert most.strip() == "bad"
            page.get_by_role("textbox", name="text", exact=True).fill(f"good {odd.END}")
            is_text(page, "#answers [data-label]", odd.CLASSES[1])
            page.locator("#occlusion mark", has_text="good").wait_for()
            page.locator("#decisions [name=output]").select_option(odd.CLASSES[1])
            page.get_by_text("Undo all edits").click()
            page.locator("#counterfactual").get_by_text("Find", exact=True).click()
            page.locator("#counterfactual .found").get_by_text(odd.TEXTS[0]).wait_for()
            assert page.locator("#dependence").is_hidden()
        with page_of(running.chromium, f"{address}/what-if/pictures?example=4") as page:
            is_text(page, "#answers [data-label]", odd.CLASSES[1])
            page.locator("#occlusion svg rect").first.wait_for(state="attached")
            assert page.locator("#occlusion rect.for").count() == 8 * 8
            page.locator("#counterfactual").get_by_text("Find", exact=True).click()
            page.locator("#counterfactual img[src*='id=2']").wait_for()
            assert page.locator("#occlusion figcaption").inner_text().startswith(odd.CLASSES[1])


def test_it_fits_a_phone(address: str) -> None:
    with browser.running() as running, page_of(running.chromium, f"{address}/what-if/birds", 360) as page:
        width = page.locator("body").bounding_box()["width"]
        assert page.locator("main").bounding_box()["width"] <= width == 360
        for part in ("#fields", "#answers", "#decisions .two", "#dependence"):
            assert page.locator(part).bounding_box()["width"] <= 360
