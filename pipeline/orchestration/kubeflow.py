"""A pipeline as a spec of Kubeflow Pipelines 2: each step is a container that runs `mlpipe node run`.

The spec is the YAML that `kfp` compiles (schema 2.1), written without it: the nodes are known from the configuration, and
the SDK cuts the time within which a task is tried again to an hour, counted from the start of its first try.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from common import remote_files
from common.errors import BadInput
from pipeline import config as configs
from pipeline import metadata_address, node_list
from pipeline.node_list import Node
from pipeline.orchestration import keys, output
from pipeline.orchestration.kubeflow_settings import MEMORY_UNITS, Kubeflow, Task, check_literal
from pipeline.sections import Config
from pipeline.wording import display, nearest

MARK = "written by `mlpipe export kubeflow`"
SCHEMA = "2.1.0"
SDK = "kfp-2.16.1"
RUN_ID = "{{$.pipeline_job_uuid}}"
"""What Kubeflow and Vertex AI put in the place of a parameter with this value: the id of the run."""

END = "end"
_VERTEX_HOME = "/gcs/"
_KUBERNETES_ONLY = ("volume", "secrets", "pull_secrets", "node_selector", "timeout_minutes")


def export(pipeline: str, overrides: Sequence[str], out: Path | None, force: bool = False) -> Path:
    """Write the spec of a pipeline to the file `out`, else to `<name>.yaml`, and tell the next step.

    Raises:
      BadInput: a wrong configuration, no image, a file in the way that is not the exporter's own.
      UserError: the file cannot be written.
    """
    config = configs.load(pipeline, overrides)
    path = out or Path(f"{config.name}.yaml")
    text = render(_in_image(pipeline), config, overrides)
    output.write(path, text, MARK, force)
    print(f"wrote {display(path)}: the pipeline {task_name(config.name)} on {config.kubeflow.image}")
    if config.kubeflow.platform == "kubernetes":
        what = shlex.join(["kfp", "pipeline", "create", "-p", task_name(config.name), display(path)])
        print(f"next: upload it on Kubeflow's page, or: {what}")
    return path


def render(pipeline: str, config: Config, overrides: Sequence[str] = ()) -> str:
    """The text of the spec: one YAML document, and for Kubernetes a second one with volumes, secrets, time limits.

    Args:
      pipeline: its name in the catalog, or its file's path in the image.
      config: its configuration.
      overrides: `key.subkey=value`, for every run.
    """
    settings = config.kubeflow
    nodes = node_list.node_list(config)
    _check(pipeline, config, nodes)
    if settings.platform == "vertex" or settings.volume is None:
        # File locks do not reach from machine to machine: two nodes of a run are never at work at once.
        nodes = [Node(node.id, tuple(one.id for one in nodes[i - 1 : i])) for i, node in enumerate(nodes)]
    passed = [one for one in overrides if not one.lstrip().startswith("kubeflow.")]
    for one in passed:
        try:
            check_literal(one)
        except ValueError as error:
            raise BadInput(f"--set {error}") from None
    documents = [_spec(pipeline, config, nodes, passed)]
    if settings.platform == "kubernetes":
        documents.append(_platform(settings, nodes))
    text = yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=110)
    return f"# {config.name}, {MARK}: a task for each node, which mlpipe runs\n{text}"


def task_name(node: str) -> str:
    """latest_blessed_model -> latest-blessed-model, as Kubernetes wants names."""
    return node.replace("_", "-").lower()


def parameters(config: Config) -> dict[str, str]:
    """Parameter of the Kubeflow pipeline -> the key of the configuration that it sets."""
    spans = ["data.span"] if keys.has_span(config) else []
    named = dict.fromkeys([*spans, *config.kubeflow.params])
    return {key.replace(".", "_"): key for key in named}


def _in_image(pipeline: str) -> str:
    """How the command in the image names a pipeline: files lie below its working folder as below the repository."""
    path = configs.find(pipeline).resolve()
    if path.parent == configs.CATALOG:
        return path.stem
    if path.is_relative_to(configs.REPOSITORY):
        return f"./{path.relative_to(configs.REPOSITORY)}"
    raise BadInput(f"{pipeline}: is not part of the image; put it into {display(configs.CATALOG)}")


def _check(pipeline: str, config: Config, nodes: Sequence[Node]) -> None:
    settings = config.kubeflow
    if settings.image is None:
        raise BadInput(
            f"{pipeline}: kubeflow.image: is missing; name the image that the Dockerfile builds, as the cluster pulls it,"
            " in the file or with --set kubeflow.image=registry.example.com/mlpipe:1.0"
        )
    known = [node.id for node in nodes]
    for node in settings.nodes:
        if node not in known:
            raise BadInput(
                f"{pipeline}: kubeflow.nodes: the DAG has no node {node!r}"
                f"{nearest(node, known) or '; it has ' + ', '.join(known)}"
            )
    uri = settings.env.get(metadata_address.URI)
    on_server = uri is not None and metadata_address.parse(uri).is_server
    nothing_shared = on_server and _in_store(config)
    if settings.platform == "kubernetes" and settings.volume is None and not nothing_shared:
        raise BadInput(
            f"{pipeline}: kubeflow.volume: is missing; the steps of a run share {settings.home}: name the"
            " PersistentVolumeClaim that is mounted there, or have nothing shared: pipeline_root and push.directory in an"
            f" object store (s3://...), and ML Metadata on a server ({metadata_address.URI} in kubeflow.env)"
        )
    if metadata_address.PASSWORD in settings.env:
        raise BadInput(
            f"{pipeline}: kubeflow.env: {metadata_address.PASSWORD} would stand in the spec; put it into a Secret"
            f" (kubeflow.secrets), or name a file by {metadata_address.PASSWORD_FILE}"
        )
    if settings.platform == "vertex":
        _check_vertex(pipeline, config, uri or config.metadata.uri, nothing_shared)


def _in_store(config: Config) -> bool:
    """Whether artifacts and versions lie in an object store, so that the home holds copies and logs alone."""
    return config.pipeline_root is not None and remote_files.is_remote(config.push.directory or "")


def _check_vertex(pipeline: str, config: Config, uri: str | None, nothing_shared: bool) -> None:
    settings = config.kubeflow
    if uri is None or not metadata_address.parse(uri).is_server:
        raise BadInput(
            f"{pipeline}: kubeflow.env: a bucket cannot keep ML Metadata's file; name a server:"
            f" {metadata_address.URI}: postgresql://user@host:port/database"
        )
    if not settings.home.startswith(_VERTEX_HOME) and not nothing_shared:
        raise BadInput(
            f"{pipeline}: kubeflow.home: Vertex AI mounts buckets below {_VERTEX_HOME}, not at {settings.home}; write"
            f" {_VERTEX_HOME}BUCKET/FOLDER, or set pipeline_root and push.directory to gs://..."
        )
    for part in (settings, *settings.nodes.values()):
        for key in _KUBERNETES_ONLY:
            if key in part.model_fields_set:
                raise BadInput(f"{pipeline}: kubeflow.{key}: Vertex AI has none; take it out")


def _spec(pipeline: str, config: Config, nodes: Sequence[Node], overrides: Sequence[str]) -> dict[str, Any]:
    settings, name = config.kubeflow, task_name(config.name)
    found = parameters(config)
    defaults = {parameter: _default(config, key) for parameter, key in found.items()}
    values = [f"--set={one}" for one in overrides]
    values += [f"--set={key}={_placeholder(parameter)}" for parameter, key in found.items()]
    run = ["--run-id", _placeholder("run_id"), "--home", settings.home]
    group = f"comp-{name}-nodes"
    end = ["node", "end", pipeline, *run]
    containers = {
        **{node.id: ["node", "run", pipeline, node.id, *run, *values] for node in nodes},
        END: end,
    }
    return {
        "components": {
            group: {
                "dag": {
                    "tasks": {
                        task_name(node.id): _task(node, settings.task(node.id), found) for node in nodes
                    }
                },
                **_inputs({parameter: {} for parameter in found}),
            },
            **{
                f"comp-{task_name(node)}": {
                    "executorLabel": f"exec-{task_name(node)}",
                    **_inputs({"run_id": {}, **({} if node == END else {one: {} for one in found})}),
                }
                for node in containers
            },
        },
        "deploymentSpec": {
            "executors": {
                f"exec-{task_name(node)}": {
                    "container": _container(
                        settings, Task() if node == END else settings.task(node), arguments
                    )
                }
                for node, arguments in containers.items()
            }
        },
        "pipelineInfo": {
            "name": name,
            **({"description": config.description} if config.description else {}),
        },
        "root": {
            "dag": {
                "tasks": {
                    f"{name}-nodes": {
                        "componentRef": {"name": group},
                        **_given({one: {"componentInputParameter": one} for one in found}),
                        "taskInfo": {"name": config.name},
                    },
                    END: _end(f"{name}-nodes"),
                }
            },
            **_inputs({one: {"defaultValue": text, "isOptional": True} for one, text in defaults.items()}),
        },
        "schemaVersion": SCHEMA,
        "sdkVersion": SDK,
    }


def _task(node: Node, settings: Task, parameters: Iterable[str]) -> dict[str, Any]:
    return {
        # A step that Kubeflow's own cache answers would leave no record in ML Metadata; mlpipe has its own cache.
        "cachingOptions": {},
        "componentRef": {"name": f"comp-{task_name(node.id)}"},
        **({"dependentTasks": [task_name(one) for one in node.upstream]} if node.upstream else {}),
        **_given(
            {
                "run_id": {"runtimeValue": {"constant": RUN_ID}},
                **{one: {"componentInputParameter": one} for one in parameters},
            }
        ),
        **({"retryPolicy": _retries(settings)} if settings.retries else {}),
        "taskInfo": {"name": node.id},
    }


def _end(after: str) -> dict[str, Any]:
    """The task that says the run will not go on: a run whose node was killed for good would else block the next."""
    return {
        "cachingOptions": {},
        "componentRef": {"name": f"comp-{END}"},
        "dependentTasks": [after],
        **_given({"run_id": {"runtimeValue": {"constant": RUN_ID}}}),
        "taskInfo": {"name": END},
        "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
    }


def _retries(settings: Task) -> dict[str, Any]:
    waits = sum(settings.retry_seconds * 2**number for number in range(settings.retries))
    tries = (settings.retries + 1) * settings.timeout_minutes * 60
    return {
        "maxRetryCount": settings.retries,
        "backoffDuration": f"{settings.retry_seconds}s",
        "backoffFactor": 2.0,
        # Counted from the start of the first try: no retry begins or goes on after it.
        "backoffMaxDuration": f"{waits + tries}s",
    }


def _container(settings: Kubeflow, task: Task, arguments: Sequence[str]) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    # Each amount stands twice: older installations read the number, newer ones the text.
    if task.cpu:
        cores = float(task.cpu[:-1]) / 1000 if task.cpu.endswith("m") else float(task.cpu)
        resources |= {"cpuLimit": cores, "resourceCpuLimit": task.cpu}
    if task.memory:
        resources |= {"memoryLimit": _gigabytes(task.memory), "resourceMemoryLimit": task.memory}
    if task.gpu:
        resources["accelerator"] = {
            "count": str(task.gpu),
            "type": task.gpu_kind,
            "resourceCount": str(task.gpu),
            "resourceType": task.gpu_kind,
        }
    env = {"MLPIPE_RUNNER": "kubeflow", **settings.env}
    return {
        "image": settings.image,
        "command": ["mlpipe"],
        "args": list(arguments),
        "env": [{"name": name, "value": value} for name, value in env.items()],
        **({"resources": resources} if resources else {}),
    }


def _platform(settings: Kubeflow, nodes: Sequence[Node]) -> dict[str, Any]:
    """What only Kubernetes knows, as `kfp-kubernetes` writes it."""
    executors = {f"exec-{task_name(node.id)}": _pod(settings, settings.task(node.id)) for node in nodes}
    executors[f"exec-{END}"] = _pod(settings, Task())
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _pod(settings: Kubeflow, task: Task) -> dict[str, Any]:
    def named(kind: str, name: str) -> dict[str, Any]:
        return {f"{kind}NameParameter": {"runtimeValue": {"constant": name}}}

    secrets = [
        {
            "secretName": secret.name,
            "keyToEnv": [{"secretKey": secret.key, "envVar": variable}],
            "optional": False,
            **named("secret", secret.name),
        }
        for variable, secret in settings.secrets.items()
    ]
    pull = [{"secretName": name, **named("secret", name)} for name in settings.pull_secrets]
    mounts = [
        {"constant": volume, "mountPath": settings.home, **named("pvc", volume)}
        for volume in (settings.volume,)
        if volume is not None
    ]
    return {
        **({"pvcMount": mounts} if mounts else {}),
        **({"secretAsEnv": secrets} if secrets else {}),
        **({"imagePullSecret": pull} if pull else {}),
        **({"nodeSelector": {"labels": dict(task.node_selector)}} if task.node_selector else {}),
        "activeDeadlineSeconds": str(task.timeout_minutes * 60),
    }


def _gigabytes(memory: str) -> float:
    unit = memory.lstrip("0123456789")
    return int(memory.removesuffix(unit)) * MEMORY_UNITS[unit] / MEMORY_UNITS["G"]


def _placeholder(parameter: str) -> str:
    return f"{{{{$.inputs.parameters['{parameter}']}}}}"


def _inputs(parameters: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    if not parameters:
        return {}
    typed = {name: {"parameterType": "STRING", **more} for name, more in parameters.items()}
    return {"inputDefinitions": {"parameters": typed}}


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"inputs": {"parameters": dict(parameters)}} if parameters else {}


def _default(config: Config, key: str) -> str:
    """A value of the configuration as `--set` reads it; nothing for none."""
    value = keys.value(config, key, "kubeflow.params")
    if value is None:
        return ""
    plain = isinstance(value, str) and yaml.safe_load(value) == value
    return value if plain else json.dumps(value)
