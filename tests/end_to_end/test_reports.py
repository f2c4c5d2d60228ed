"""The report that runs of five pipelines leave, in small where the whole takes minutes, in a browser without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import metadata
from pipeline.home import Home
from tests.end_to_end.project import REPOSITORY, mlpipe
from tests.reports import figures
from tests.reports.browser import Browser, running

pytestmark = pytest.mark.slow

ATTRIBUTED = "attributions={gradient_examples: 16, steps: 8, repeats: 2}"
DATES = """\
name: few_dates
task: translation
label: target
data: {text: parallel, loader: "data.dates:write", loader_args: {rows: 600}}
trainer:
  module: trainer_modules.sequence_to_sequence
  features:
    source_tokenizer: {kind: characters}
    target_tokenizer: {kind: characters}
  model: {units: 16, max_source: 40, max_target: 12}
  training: {epochs: 1, samples: 4}
evaluation:
  gates: [{metric: perplexity, upper: 100}]
"""
# Pipeline -> overrides, and the exit code of its run.
RUNS: dict[str, tuple[tuple[str, ...], int]] = {
    "penguin": ((ATTRIBUTED,), 0),
    "taxi": (("trainer.training.epochs=2", "evaluation.gates=[{metric: auc, lower: 0.6}]", ATTRIBUTED), 0),
    "fashion_cnn": (
        (
            f"data.path={REPOSITORY / 'data' / 'fashion_mnist_sample'}",
            "trainer.training.epochs=2",
            "trainer.training.batch_size=16",
            "evaluation.gates=[{metric: accuracy, lower: 0.1}]",
            "serving_check.enabled=false",
            "optimizer=null",
            ATTRIBUTED,
        ),
        0,
    ),
    "reviews_small": (
        (
            "trainer.model.architecture=bilstm",
            "trainer.training.epochs=2",
            "evaluation.gates=[{metric: accuracy, lower: 0.4}]",
            ATTRIBUTED,
        ),
        0,
    ),
    "few_dates": ((), 0),
}
# A first run has no trend, and a translation no attributions.
HOLLOW = {name: {"trend"} | ({"attributions"} if name == "few_dates" else set()) for name in RUNS}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as found:
        yield found


@pytest.mark.parametrize("name", RUNS)
def test_every_part_has_the_figures_of_the_run(
    browser: Browser, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("few_dates.yaml").write_text(DATES)
    home = Home(tmp_path / "home")
    overrides, code = RUNS[name]
    settings = (part for one in overrides for part in ("--set", one))
    result = mlpipe(
        "run", name if name != "few_dates" else "few_dates.yaml", *settings, "--home", str(home.root)
    )
    assert result.code == code, result.err
    (run,) = metadata.run_contexts(metadata.open_store(home), name)
    with browser.page(home.report(name, run.name)) as page:
        figures.check(page, home, name, HOLLOW[name])
