from __future__ import annotations

from reports import run_facts
from reports.run import dag
from reports.run_facts import RunFacts
from tests.pipeline.records import DAG, Recorder


def arrows(facts: RunFacts, waiting: bool) -> set[tuple[str, str]]:
    return {(e.source, e.target) for e in dag.edges(facts, facts.nodes) if e.waiting is waiting}


def test_arrows_are_what_was_read(facts: RunFacts) -> None:
    read = {(source, node_id) for node_id, node in DAG.items() for source, _ in node.inputs.values()}
    assert arrows(facts, waiting=False) == read
    [hint] = [
        e.hint for e in dag.edges(facts, facts.nodes) if (e.source, e.target) == ("Transform", "Trainer")
    ]
    assert hint == "Transform → Trainer: examples, transform graph"


def test_the_former_model_comes_from_the_resolver(past: Recorder) -> None:
    facts = run_facts.find(past.home, "penguin", "v2")
    assert ("latest_blessed_model", "Evaluator") in arrows(facts, waiting=False)


def test_states_seconds_and_links(past: Recorder) -> None:
    facts = run_facts.find(past.home, "penguin", "20261123-040000")
    html = dag.section(facts).html
    assert 'href="#training"' in html
    assert "gate failed" in html
    assert facts.run.fingerprint[:12] in html
    assert "trainer_modules.tabular" in html
    assert "2.21.0" in html
    assert "learning_rate: 9.0" in html


def test_nodes_that_were_not_reached(past: Recorder) -> None:
    facts = run_facts.find(past.home, "penguin", "20261124-050000")
    html = dag.section(facts).html
    assert "Evaluator not reached" in html
    assert 'href="#evaluation"' not in html
