from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import BadInput
from components.columnar_example_gen.options import ReaderOptions
from components.image_example_gen.options import ImageOptions
from components.text_example_gen.options import TextOptions
from pipeline import config, node_list, node_names
from pipeline.home import Home
from pipeline.node_list import Node
from pipeline.sources import Source
from tests.end_to_end.project import mlpipe

VARIANTS: dict[str, dict[str, Any]] = {
    "drift": {"schema.drift": {"island": 0.1}},
    "tuned": {"trainer.tuning.trials": 2},
    "warm": {"trainer.training.warm_start": True},
    "unserved": {"serving_check.enabled": False},
    "edge": {"optimizer": {"forms": ["float16"]}},
    "attributed": {"attributions": {}},
    "attributed unserved": {"attributions": {}, "serving_check.enabled": False},
}


def pipeline_of_tfx(loaded: config.Config, folder: Path) -> Any:
    """The pipeline that TFX gets; no data are needed to draw it."""
    from pipeline.dag import create_pipeline

    data = loaded.data
    reader: ReaderOptions | ImageOptions | TextOptions = ReaderOptions()
    if data.images:
        reader = ImageOptions(images=data.images)
    if data.text:
        reader = TextOptions(text=data.text)
    schema = folder / "schema.pbtxt"
    schema.touch()
    slices = [list(piece.columns) for piece in loaded.evaluation.slices]
    return create_pipeline(
        loaded,
        Source(str(folder), "*", reader, []),
        slices,
        schema if loaded.schema_.curated else None,
        {},
        Home(folder),
    )


def graph_of_tfx(loaded: config.Config, folder: Path) -> list[Node]:
    return [
        Node(node.id, tuple(sorted(before.id for before in node.upstream_nodes)))
        for node in pipeline_of_tfx(loaded, folder).components
    ]


def closure(nodes: list[Node]) -> dict[str, list[str]]:
    """Node -> all nodes before it: an edge that others imply makes no difference."""
    before = {node.id: set(node.upstream) for node in nodes}

    def all_before(node_id: str) -> set[str]:
        return before[node_id].union(*(all_before(one) for one in before[node_id]))

    return {node_id: sorted(all_before(node_id)) for node_id in before}


@pytest.mark.parametrize("name", config.names())
def test_as_tfx_gets_it(name: str, tmp_path: Path) -> None:
    loaded = config.load(name)
    assert closure(node_list.node_list(loaded)) == closure(graph_of_tfx(loaded, tmp_path))


@pytest.mark.parametrize("variant", VARIANTS)
def test_optional_nodes_as_tfx_gets_them(variant: str, tmp_path: Path) -> None:
    overrides = [f"{key}={json.dumps(value)}" for key, value in VARIANTS[variant].items()]
    loaded = config.load("penguin", overrides)
    nodes = node_list.node_list(loaded)
    assert closure(nodes) == closure(graph_of_tfx(loaded, tmp_path))
    assert closure(nodes) != closure(node_list.node_list(config.load("penguin")))


def test_the_resolvers_are_those_of_tfx(tmp_path: Path) -> None:
    from tfx.dsl.components.common.resolver import Resolver

    values = {**VARIANTS["drift"], **VARIANTS["warm"], **VARIANTS["attributed"]}
    loaded = config.load("penguin", [f"{key}={json.dumps(value)}" for key, value in values.items()])
    components = pipeline_of_tfx(loaded, tmp_path).components
    found = {node.id for node in components if isinstance(node, Resolver)}
    assert found | {"evaluated_model"} == node_names.RESOLVERS
    assert {node.id for node in components} <= set(node_names.NODES)


@pytest.mark.parametrize("name", config.names())
def test_the_order_can_be_run_and_ends_with_the_pusher(name: str) -> None:
    nodes = node_list.node_list(config.load(name))
    done: set[str] = set()
    for node in nodes:
        assert done.issuperset(node.upstream), node
        done.add(node.id)
    assert nodes[-1].id == "Pusher"
    assert node_list.ancestors(nodes, "Pusher") == [node.id for node in nodes[:-1]]


def test_ancestors() -> None:
    nodes = [Node("a", ()), Node("b", ()), Node("c", ("a",)), Node("d", ("c",)), Node("e", ("b", "c"))]
    assert node_list.ancestors(nodes, "d") == ["a", "c"]
    assert node_list.ancestors(nodes, "e") == ["a", "b", "c"]
    assert node_list.ancestors(nodes, "a") == []


def test_an_unknown_node_is_told_with_the_nearest() -> None:
    nodes = node_list.node_list(config.load("penguin"))
    with pytest.raises(BadInput, match=r"no component 'Trane?r'; did you mean Trainer\?"):
        node_list.find(nodes, "Traner")


def test_the_command_prints_lines_or_json() -> None:
    shown = mlpipe("node", "list", "penguin")
    assert (shown.code, shown.err) == (0, "")
    lines = [line.rstrip() for line in shown.out.splitlines()]
    assert lines[0].split() == ["node", "upstream"]
    assert lines[1].split() == ["ExampleGen"]
    assert lines[-1].split(maxsplit=1) == ["Pusher", "Trainer, Evaluator, ServingCheck"]

    listed = json.loads(mlpipe("node", "list", "penguin", "--json").out)
    assert listed[1] == {"id": "StatisticsGen", "upstream": ["ExampleGen"]}
    assert [node["id"] for node in listed] == [line.split()[0] for line in lines[1:]]
