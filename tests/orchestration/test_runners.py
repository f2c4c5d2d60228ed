"""`mlpipe run`, and `mlpipe node run` node by node, leave the same records."""

from __future__ import annotations

import json
import signal

import pytest

from pipeline import config, node_list
from tests.end_to_end.project import Project, Result, mlpipe
from tests.orchestration import matrix

pytestmark = pytest.mark.slow


class Whole:
    """`mlpipe run`: what was killed is taken up by the next run."""

    runner = "local"

    def __call__(self, project: Project, run_id: str, killed: str | None = None) -> Result:
        if killed:
            child = project.start()
            child.communicate()
            assert child.returncode == -signal.SIGKILL
        return project.run()


class NodeByNode:
    """`mlpipe node run` for every node that `mlpipe node list` tells: what was killed is tried again in the same run."""

    runner = "local"

    def __call__(self, project: Project, run_id: str, killed: str | None = None) -> Result:
        listed = json.loads(mlpipe("node", "list", "toy.yaml", "--json").out)
        assert [node["id"] for node in listed] == [
            node.id for node in node_list.node_list(config.load("toy.yaml"))
        ]
        for node in listed:
            arguments = ("node", "run", "toy.yaml", node["id"], "--run-id", run_id)
            if node["id"] == killed:
                child = project.start_command(*arguments)
                child.communicate()
                assert child.returncode == -signal.SIGKILL
            result = mlpipe(*arguments, "--home", str(project.home.root))
            if result.code != 0:
                break
        return result


RUNNERS = [pytest.param(Whole(), id="mlpipe run"), pytest.param(NodeByNode(), id="mlpipe node run")]


@pytest.mark.parametrize("runner", RUNNERS)
def test_success_then_cached(fresh: Project, runner: matrix.Runner) -> None:
    assert list(matrix.succeeds_then_is_cached(fresh, runner)) == ["succeeded", "found up to date", "cached"]


@pytest.mark.parametrize("runner", RUNNERS)
def test_gate(finished: Project, runner: matrix.Runner) -> None:
    matrix.ends_at_the_gate(finished, runner)


@pytest.mark.parametrize("runner", RUNNERS)
def test_killed(fresh: Project, runner: matrix.Runner) -> None:
    matrix.survives_a_kill(fresh, runner)
