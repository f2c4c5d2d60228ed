"""The report in a real browser without a network: nothing is asked for, nothing executes, nothing sticks out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.home import Home
from reports import run_facts, run_report
from tests.pipeline.records import Recorder
from tests.reports import trained
from tests.reports.browser import Browser, running

EVIL = "</title></style></text></svg><script>window.hit=1;alert(1)</script><img src=x onerror='window.hit=1'>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run all of whose names, texts and settings are hostile."""
    home = Home(tmp_path_factory.mktemp("hostile"))
    recorder = Recorder(home)
    recorder.run("20261123-010000")
    recorder.run(
        "20261123-020000",
        file=EVIL,
        code=EVIL,
        transform=EVIL,
        trainer={EVIL: EVIL},
        accuracy=0.4,
        state="gate_failed",
    )
    context = recorder.store.get_context_by_type_and_name("pipeline_run", "20261123-020000")
    for name in ("mlpipe_reason", "mlpipe_fingerprint"):
        context.custom_properties[name].string_value = EVIL
    config = json.loads(context.custom_properties["mlpipe_config"].string_value)
    config |= {"description": EVIL, "task": EVIL, "label": [EVIL], "card": {"owner": EVIL, EVIL: EVIL}}
    for name, value in (("mlpipe_config", config), ("mlpipe_versions", {EVIL: EVIL})):
        context.custom_properties[name].string_value = json.dumps(value)
    recorder.store.put_contexts([context])
    facts = run_facts.find(home, "penguin")
    trained.leave(facts, "learning_curves.json", {**trained.CURVES, EVIL: [1.0, 2.0, 3.0]})
    inputs = [trained.layer(EVIL), trained.layer("other")]
    joined = trained.layer("joined", EVIL, "other", kind=EVIL, settings={EVIL: EVIL})
    trained.leave(facts, "model.json", trained.model(*inputs, joined))
    verdict = facts.json("Evaluator", "evaluation", "verdict.json")
    row = verdict["metrics"][0]
    verdict["metrics"] += [{**row, "slice": EVIL, "metric": EVIL}, {**row, "output": EVIL, "metric": EVIL}]
    verdict |= {"missing_slices": [EVIL], "baseline_left_out": EVIL}
    (facts.folder("Evaluator", "evaluation") / "verdict.json").write_text(json.dumps(verdict))
    path = home.report("penguin", facts.id)
    run_report.write(facts, path)
    return path


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of an evaluation on unseen data whose file, notes and columns are hostile."""
    recorder = Recorder(Home(tmp_path_factory.mktemp("unseen")))
    trained = recorder.run("20261123-010000")
    recorder.evaluate("20261123-020000", trained, file=EVIL, notes=[EVIL])
    facts = run_facts.find(recorder.home, "penguin", "evaluation")
    moved = facts.folder("ExampleValidator", "anomalies") / "drift.json"
    moved.write_text(json.dumps([{**row, "column": EVIL} for row in json.loads(moved.read_text())]))
    run_report.write(facts, run_report.path(facts))
    return run_report.path(facts)


@pytest.mark.parametrize(
    ("kind", "width", "scheme"),
    [
        ("report", 1180, "light"),
        ("report", 360, "light"),
        ("report", 1180, "dark"),
        ("report", 360, "dark"),
        ("evaluation", 1180, "dark"),
        ("evaluation", 360, "light"),
    ],
)
def test_nothing_executes_and_nothing_sticks_out(
    browser: Browser, kind: str, width: int, scheme: Any, request: pytest.FixtureRequest
) -> None:
    with browser.page(request.getfixturevalue(kind), width, scheme) as page:
        assert page.evaluate("window.hit") is None
        assert page.locator("script, main img:not([src^='data:'])").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h1").inner_text().startswith("penguin")
        assert EVIL in page.locator("#verdict").inner_text()
        assert "This part cannot be made" not in page.locator("main").inner_text()


def test_links_lead_to_parts_that_are_there(browser: Browser, report: Path) -> None:
    with browser.page(report) as page:
        links = page.eval_on_selector_all("a[href^='#'], a", "all => all.map(a => a.getAttribute('href'))")
        parts = {f"#{section}" for section, _, _ in run_report.SECTIONS}
        assert {link for link in links if link.startswith("#")} <= parts
        page.locator("nav a", has_text="Training").click()
        assert page.evaluate("document.querySelector('#training').getBoundingClientRect().top") < 200


def test_text_can_be_read_in_the_dark_and_on_paper(browser: Browser, report: Path) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        with browser.page(report, scheme=scheme) as page:  # type: ignore[arg-type]
            colours = [
                page.evaluate(f"getComputedStyle(document.querySelector('{what}')).{of}")
                for what, of in (("body", "backgroundColor"), ("body", "color"), (".chart svg text", "fill"))
            ]
            shades[scheme] = [sum(map(int, colour[4:-1].split(","))) / 3 for colour in colours]
    light, dark = shades["light"], shades["dark"]
    assert light[0] > 200 > 110 > light[1]
    assert dark[0] < 60 < 150 < dark[1]
    assert dark[2] - dark[0] > 100
    with browser.page(report, media="print") as page:
        assert page.locator("nav").is_hidden()
        assert len(page.pdf()) > 10_000
