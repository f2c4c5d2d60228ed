"""What a backend of Kubeflow Pipelines makes of a spec: reads it strictly, fills in placeholders, runs and retries tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes_pb
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['(\w+)'\]\}\}")


@dataclass(frozen=True)
class Try:
    """A container of a task: what it is started with."""

    task: str
    number: int
    image: str
    command: Sequence[str]
    env: Mapping[str, str]


@dataclass
class Outcome:
    """The exit codes of each task's tries, in the order in which the tasks began."""

    codes: dict[str, list[int]] = field(default_factory=dict)
    succeeded: bool = True


Launch = Callable[[Try], int]


def parse(text: str) -> tuple[pb.PipelineSpec, dict[str, kubernetes_pb.KubernetesExecutorConfig]]:
    """The spec and what Kubernetes is told of each executor; an unknown field or a value of a wrong type is an error."""
    spec, *platforms = yaml.safe_load_all(text)
    executors: dict[str, Any] = {}
    for platform in platforms:
        config = json_format.ParseDict(platform, pb.PlatformSpec(), ignore_unknown_fields=False)
        assert list(config.platforms) == ["kubernetes"]
        executors |= platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return (
        json_format.ParseDict(spec, pb.PipelineSpec(), ignore_unknown_fields=False),
        {
            name: json_format.ParseDict(
                one, kubernetes_pb.KubernetesExecutorConfig(), ignore_unknown_fields=False
            )
            for name, one in executors.items()
        },
    )


def run(text: str, run_id: str, launch: Launch, side_by_side: int = 2, **given: str) -> Outcome:
    """Run a spec to its end: a task begins when all before it have succeeded, an exit task when they have ended.

    Args:
      text: the spec.
      run_id: what the placeholder of the run's id becomes.
      launch: runs a container, and returns its exit code.
      side_by_side: how many containers run at once.
      given: parameters of the run.
    """
    spec, _ = parse(text)
    values = {
        name: given.get(name, one.default_value.string_value)
        for name, one in spec.root.input_definitions.parameters.items()
    }
    assert given.keys() <= values.keys()
    outcome = Outcome()
    outcome.succeeded = _Run(spec, run_id, launch, side_by_side, outcome).dag(spec.root.dag, values)
    return outcome


def _ready(waiting: Mapping[str, pb.PipelineTaskSpec], done: Mapping[str, bool]) -> Iterator[str]:
    for name, task in waiting.items():
        at_any_end = task.trigger_policy.strategy == task.TriggerPolicy.ALL_UPSTREAM_TASKS_COMPLETED
        if all(one in done and (done[one] or at_any_end) for one in task.dependent_tasks):
            yield name


def _inputs(task: pb.PipelineTaskSpec, values: Mapping[str, str], run_id: str) -> dict[str, str]:
    found = {}
    for name, one in task.inputs.parameters.items():
        if one.WhichOneof("kind") == "component_input_parameter":
            found[name] = values[one.component_input_parameter]
        else:
            # Only a whole value is a placeholder here.
            constant = one.runtime_value.constant.string_value
            found[name] = run_id if constant == "{{$.pipeline_job_uuid}}" else constant
    return found


@dataclass(frozen=True)
class _Run:
    spec: pb.PipelineSpec
    run_id: str
    launch: Launch
    side_by_side: int
    outcome: Outcome

    def dag(self, dag: pb.DagSpec, values: Mapping[str, str]) -> bool:
        """Whether all tasks succeeded. Those that wait for nothing more run side by side."""
        done: dict[str, bool] = {}
        waiting = dict(dag.tasks)
        # One after the other they run in this thread, which alone may catch signals.
        with ThreadPoolExecutor(self.side_by_side) as pool:
            each = map if self.side_by_side == 1 else pool.map
            while ready := list(_ready(waiting, done)):
                tasks = [waiting.pop(name) for name in ready]
                results = each(lambda task: self.task(task, _inputs(task, values, self.run_id)), tasks)
                done |= dict(zip(ready, results, strict=True))
        return not waiting and all(done.values())

    def task(self, task: pb.PipelineTaskSpec, values: Mapping[str, str]) -> bool:
        component = self.spec.components[task.component_ref.name]
        assert set(component.input_definitions.parameters) == set(values)
        if component.WhichOneof("implementation") == "dag":
            return self.dag(component.dag, values)
        executors = self.spec.deployment_spec["executors"]
        container = json_format.MessageToDict(executors[component.executor_label]["container"])
        words = [*container["command"], *container["args"]]
        command = [INPUT.sub(lambda match: values[match[1]], word) for word in words]
        assert not [word for word in command if "{{" in word]
        env = {one["name"]: one["value"] for one in container["env"]}
        name = task.task_info.name
        codes = self.outcome.codes.setdefault(name, [])
        while not codes or (codes[-1] and len(codes) <= task.retry_policy.max_retry_count):
            codes.append(self.launch(Try(name, len(codes), container["image"], command, env)))
        return codes[-1] == 0
