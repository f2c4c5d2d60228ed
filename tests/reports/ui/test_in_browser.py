"""The app in a real browser, clicked through: nothing is asked of another server, nothing executes that is not its own."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from pipeline import lock, metadata, ui_command
from pipeline.home import Home
from pipeline.outcomes import Outcome
from reports.ui.app import application
from tests.pipeline.records import Recorder
from tests.reports.browser import Browser, running
from tests.reports.evaluations import AGAINST, LAST, Evaluated
from tests.reports.ui import light

EVIL = "</title></style></svg><script>window.hit=1;alert(1)</script><img src=x onerror='window.hit=1'>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as found:
        yield found


@contextmanager
def served(home: Home) -> Iterator[str]:
    """The address of the app over a home."""
    listener = ui_command.listening(0)
    server = uvicorn.Server(uvicorn.Config(application(home), lifespan="off", log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://localhost:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def address(past: Recorder) -> Iterator[str]:
    with served(past.home) as found:
        yield found


def path(page: Any) -> str:
    return re.sub(r"^https?://[^/]+", "", page.url)


def test_from_the_pipelines_to_an_artifact_and_back_to_a_comparison(browser: Browser, address: str) -> None:
    with browser.site(address) as page:
        page.click("text=penguin")
        page.select_option("select[name=state]", "succeeded")
        page.click("button:has-text('Filter')")
        assert path(page).startswith("/pipelines/penguin?")
        assert page.locator("table.run-list tbody tr").count() == 3
        page.click("table.run-list >> text=20261123-030000")
        assert "Pushed as version 2." in page.inner_text("#verdict")
        page.click("nav >> text=Artifacts")
        page.click("#artifacts >> text=Model 13")
        assert path(page) == "/artifacts/13"
        page.click("#upstream svg a[href='/artifacts/5']")
        assert page.inner_text("h1") == "TransformGraph 5"
        # The latest runs alone are drawn; the others are in the table.
        page.click("#downstream summary")
        page.click("#downstream table >> text=Model 13")
        assert page.inner_text("h1") == "Model 13"
        page.click("#downstream svg a:has-text('PushedModel')")
        assert page.inner_text("h1").startswith("PushedModel")
        page.click("#upstream svg a[href='/artifacts/13']")
        assert page.inner_text("h1") == "Model 13"
        page.click("dl >> text=20261123-030000")
        page.click("text=compare with v1")
        assert page.inner_text("#config tbody") == "trainer training learning_rate\t0.01\t0.1"
        page.click("text=the other way round")
        assert page.inner_text("#config tbody") == "trainer training learning_rate\t0.1\t0.01"


def test_two_runs_are_chosen_in_the_list(browser: Browser, address: str) -> None:
    with browser.site(f"{address}pipelines/penguin") as page:
        page.check("input[name=before][value='20261123-010000']")
        page.check("input[name=after][value='20261123-040000']")
        page.click("button:has-text('Compare')")
        chosen = [page.input_value(f"input[name={side}]") for side in ("before", "after")]
        assert chosen == ["20261123-010000", "20261123-040000"]
        assert "0.5000 ✗" in page.inner_text("#metrics")


@pytest.mark.parametrize("scripts", [True, False])
def test_lists_metrics_and_models(browser: Browser, address: str, scripts: bool) -> None:
    with browser.site(f"{address}pipelines/penguin", scripts=scripts) as page:
        page.click("text=metrics")
        assert page.locator("figure svg[role=img]").count() == 1
        page.click("text=models")
        assert page.locator("tbody tr").count() == 2
        page.click("text=compare with v1")
        assert path(page) == "/pipelines/penguin/compare?before=20261123-010000&after=20261123-030000"


def test_a_run_in_flight_is_followed_until_it_has_ended(browser: Browser, recorder: Recorder) -> None:
    run = "20261124-070000"
    recorder.run(run, stop="Trainer", state="running", last="RUNNING")
    log = recorder.home.log("penguin", run)
    log.parent.mkdir(parents=True)
    log.write_text("INFO:mlpipe.progress:step 15/600 loss 0.7205\n")
    with served(recorder.home) as address, browser.site(f"{address}pipelines/penguin") as page:
        with lock.lock(recorder.home, "penguin", run):
            page.click(f"text={run}")
            assert "step 15/600 loss 0.7205" in page.inner_text("table.progress")
            page.evaluate("window.same = true")
            with log.open("a") as file:
                file.write("INFO:mlpipe.progress:step 300/600 loss 0.1000\n")
            page.wait_for_selector("text=step 300/600 loss 0.1000")
            # It was the part that was renewed, not the page.
            assert page.evaluate("window.same") is True
            metadata.update_run(recorder.store, run, {"mlpipe_state": "failed", "mlpipe_reason": "no memory"})
        page.wait_for_selector("#verdict")
        assert "no memory" in page.inner_text("main")


def test_a_run_in_flight_without_scripts(browser: Browser, recorder: Recorder) -> None:
    run = "20261124-060000"
    with served(recorder.home) as address, lock.lock(recorder.home, "penguin", run):
        with browser.site(f"{address}pipelines/penguin/runs/{run}", scripts=False) as page:
            row = page.locator("table.progress tr", has_text="Transform")
            assert "running" in row.inner_text()
            (refresh,) = page.locator("noscript meta[http-equiv=refresh]").all()
            assert refresh.get_attribute("content") == "5"
            with page.expect_navigation():
                pass


def test_hostile_names_do_nothing(browser: Browser, recorder: Recorder) -> None:
    for run in (EVIL, f"{EVIL}2"):
        light.add(
            recorder.home,
            run,
            Outcome({"complete": 1}, True, 1, EVIL, 1, {EVIL: 0.5}),
            reason=EVIL,
            config={EVIL: run, "description": EVIL},
        )
    recorder.run("20261125-010000", file=EVIL, code=EVIL, transform=EVIL, trainer={EVIL: EVIL})
    recorder.run("20261125-020000", accuracy=0.5, state="gate_failed")
    with served(recorder.home) as address, browser.site(address) as page:
        page.click("text=penguin")
        for part in ("runs", "metrics", "models", "compare"):
            page.goto(f"{address}pipelines/penguin{'' if part == 'runs' else f'/{part}'}")
            assert page.evaluate("window.hit") is None
        page.goto(f"{address}pipelines/penguin?text=window.hit")
        page.click(f"table.run-list tr:last-child a >> text={EVIL[:8]}")
        assert EVIL in page.inner_text("h1")
        assert page.evaluate("window.hit") is None
        page.goto(f"{address}pipelines/penguin/runs/20261125-010000")
        assert page.evaluate("window.hit") is None


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_from_the_pushed_model_to_its_evaluation_and_the_model(
    browser: Browser, evaluated: Evaluated, width: int, scheme: Any
) -> None:
    with (
        served(evaluated.recorder.home) as address,
        browser.site(f"{address}pipelines/penguin", width=width, scheme=scheme) as page,
    ):
        page.select_option("select[name=kind]", "evaluation")
        page.click("button:has-text('Filter')")
        assert page.locator("table.run-list tbody tr").count() == 2
        page.click("text=version 1 on later.csv >> nth=0")
        assert path(page) == f"/pipelines/penguin/runs/{LAST}"
        assert "All bounds hold on the new data." in page.inner_text("#verdict")
        page.click("#dag svg a:has-text('ExampleValidator')")
        assert page.inner_text("#data table.drift tbody tr:first-child").startswith("bill_length_mm")
        page.click(f"text=← {AGAINST}")
        assert "The verdict is against it." in page.inner_text("#verdict")
        page.click(f"header >> text=Model {evaluated.model}")
        assert page.locator("#evaluations tbody tr").count() == 2
        # What the model was asked is in its lineage, too.
        page.click(f"#downstream svg a[href='/artifacts/{evaluated.made['Evaluator']['evaluation']}']")
        page.click(f"dl >> text={LAST}")
        assert path(page) == f"/pipelines/penguin/runs/{LAST}"
        page.goto(f"{address}pipelines/penguin/metrics")
        assert "on new data" in page.locator("figure svg").first.inner_html()
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond == 0


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_nothing_sticks_out(browser: Browser, address: str, width: int, scheme: Any) -> None:
    with browser.site(address, width=width, scheme=scheme) as page:
        for part in (
            "",
            "pipelines/penguin",
            "pipelines/penguin/runs/v2",
            "pipelines/penguin/compare",
            "artifacts/1",
        ):
            page.goto(address + part)
            beyond = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert (part, beyond) == (part, 0)
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
        assert dark == (scheme == "dark")
