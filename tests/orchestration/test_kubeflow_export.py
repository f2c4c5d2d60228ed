"""The spec that is written for Kubeflow: kfp reads it, and would have compiled the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import compiler, components

from common.errors import BadInput, UserError
from pipeline import cli, config, node_list
from pipeline.orchestration import kubeflow
from pipeline.orchestration.kubeflow_settings import Kubeflow
from pipeline.sections import Config
from tests.orchestration import kfp_backend, kfp_compiled

ROOT = Path(__file__).resolve().parents[2]
PLACE: dict[str, Any] = {"image": "registry.example.com/mlpipe:1.0", "volume": "mlpipe-state"}
VERTEX: dict[str, Any] = {
    "image": "europe-docker.pkg.dev/project/repository/mlpipe:1.0",
    "platform": "vertex",
    "home": "/gcs/bucket/mlpipe",
    "env": {"MLPIPE_METADATA_URI": "postgresql://mlpipe@10.0.0.5:5432/mlpipe"},
}
SECRET = {"MLPIPE_METADATA_PASSWORD": {"name": "mlmd", "key": "password"}}
HOSTILE = """it's "so" \\ {x} %s \n\n - a: [b] # $HOME `touch pwned` é ; & | > *"""


def loaded(*overrides: str, pipeline: str = "penguin", **section: Any) -> Config:
    given = config.load(pipeline, overrides)
    return given.model_copy(update={"kubeflow": Kubeflow.model_validate({**PLACE, **section})})


def render(given: Config | None = None, *overrides: str) -> str:
    given = given or loaded()
    return kubeflow.render(given.name, given, overrides)


def containers(text: str) -> dict[str, dict[str, Any]]:
    """Task -> its container."""
    spec, _ = kfp_backend.parse(text)
    executors = json_format.MessageToDict(spec.deployment_spec)["executors"]
    return {name.removeprefix("exec-"): one["container"] for name, one in executors.items()}


def nodes_of(text: str) -> dict[str, Any]:
    """Task -> what the DAG of the nodes says of it."""
    spec, _ = kfp_backend.parse(text)
    (group,) = [one for one in spec.components.values() if one.WhichOneof("implementation") == "dag"]
    return dict(group.dag.tasks)


@pytest.mark.parametrize("name", config.names())
def test_every_pipeline_is_read_strictly_and_has_the_order_of_the_dag(name: str, tmp_path: Path) -> None:
    given = loaded(pipeline=name)
    text = render(given)
    spec, executors = kfp_backend.parse(text)
    again = tmp_path / "again.yaml"
    compiler.Compiler().compile(components.load_component_from_text(text), str(again))
    assert list(yaml.safe_load_all(again.read_text())) == list(yaml.safe_load_all(text))
    assert spec.pipeline_info.name == name.replace("_", "-")
    tasks = nodes_of(text)
    found = {
        task.task_info.name: {tasks[one].task_info.name for one in task.dependent_tasks}
        for task in tasks.values()
    }
    assert found == {node.id: set(node.upstream) for node in node_list.node_list(given)}
    assert not any(task.caching_options.enable_cache for task in tasks.values())
    assert set(executors) == {f"exec-{task}" for task in [*tasks, "end"]}


def test_a_node_is_the_command_that_every_runner_calls() -> None:
    found = containers(render())
    assert found["latest-blessed-model"] == {
        "image": "registry.example.com/mlpipe:1.0",
        "command": ["mlpipe"],
        "args": [
            *("node", "run", "penguin", "latest_blessed_model"),
            *("--run-id", "{{$.inputs.parameters['run_id']}}", "--home", "/state"),
        ],
        "env": [{"name": "MLPIPE_RUNNER", "value": "kubeflow"}],
    }
    assert found["end"]["args"][:3] == ["node", "end", "penguin"]


def renamed(text: str) -> list[Any]:
    """The documents with the names that kfp gives the group of nodes and what it passes on."""
    for ours, theirs in (("comp-penguin-nodes", "comp-exit-handler-1"), ("penguin-nodes", "exit-handler-1")):
        text = text.replace(ours, theirs)
    spec, platform = yaml.safe_load_all(text)
    passed = "pipelinechannel--trainer_training_epochs"
    group = spec["components"]["comp-exit-handler-1"]
    group["inputDefinitions"]["parameters"] = {passed: {"parameterType": "STRING"}}
    spec["root"]["dag"]["tasks"]["exit-handler-1"]["inputs"]["parameters"] = {
        passed: {"componentInputParameter": "trainer_training_epochs"}
    }
    for task in group["dag"]["tasks"].values():
        task["inputs"]["parameters"]["trainer_training_epochs"] = {"componentInputParameter": passed}
        # The SDK cuts this one to an hour.
        task["retryPolicy"]["backoffMaxDuration"] = "3600s"
        if "dependentTasks" in task:
            task["dependentTasks"].sort()
    return [spec, platform]


def test_kfp_compiles_the_same(tmp_path: Path) -> None:
    gpu = {"cpu": "3500m", "memory": "16Gi", "gpu": 1, "node_selector": {"pool": "gpu"}}
    text = render(
        loaded(
            params=["trainer.training.epochs"],
            secrets=SECRET,
            pull_secrets=["registry"],
            nodes={"Trainer": {**gpu, "timeout_minutes": 600}},
        )
    )
    assert renamed(text) == kfp_compiled.documents(containers(text), tmp_path / "compiled.yaml")


def test_retries_have_time_enough_for_all_tries() -> None:
    tasks = nodes_of(render(loaded(retries=3, retry_seconds=10, nodes={"Trainer": {"timeout_minutes": 600}})))
    policy = tasks["trainer"].retry_policy
    assert (policy.max_retry_count, policy.backoff_duration.seconds, policy.backoff_factor) == (3, 10, 2)
    assert policy.backoff_max_duration.seconds == 4 * 600 * 60 + 10 + 20 + 40
    assert tasks["transform"].retry_policy.backoff_max_duration.seconds == 4 * 120 * 60 + 70
    assert not nodes_of(render(loaded(retries=0)))["trainer"].HasField("retry_policy")


def test_a_node_has_its_own_settings_before_those_of_all() -> None:
    given = loaded(
        cpu=2,
        memory="4G",
        node_selector={"disk": "ssd"},
        nodes={"Trainer": {"cpu": 0.5, "gpu": 2, "gpu_kind": "amd.com/gpu"}},
    )
    text = render(given)
    found = containers(text)
    two = {"cpuLimit": 2.0, "resourceCpuLimit": "2", "memoryLimit": 4.0, "resourceMemoryLimit": "4G"}
    assert found["transform"]["resources"] == two
    assert found["trainer"]["resources"] == {
        **two,
        "cpuLimit": 0.5,
        "resourceCpuLimit": "0.5",
        "accelerator": {
            "count": "2",
            "resourceCount": "2",
            "type": "amd.com/gpu",
            "resourceType": "amd.com/gpu",
        },
    }
    assert "resources" not in found["end"]
    _, executors = kfp_backend.parse(text)
    assert dict(executors["exec-trainer"].node_selector.labels) == {"disk": "ssd"}


def test_hostile_values_stay_what_they_are() -> None:
    given = loaded(env={"GREETING": HOSTILE}).model_copy(update={"description": HOSTILE})
    overrides = [f"description={HOSTILE}", "kubeflow.image=elsewhere:2"]
    started: list[kfp_backend.Try] = []

    def launch(container: kfp_backend.Try) -> int:
        started.append(container)
        return 0

    text = render(given, *overrides)
    assert kfp_backend.run(text, "run '1'", launch).succeeded
    assert [one.task for one in started][-2:] == ["Pusher", "end"]
    assert started[0].command == [
        *("mlpipe", "node", "run", "penguin", "ExampleGen", "--run-id", "run '1'", "--home", "/state"),
        f"--set=description={HOSTILE}",
    ]
    assert started[0].env == {"MLPIPE_RUNNER": "kubeflow", "GREETING": HOSTILE}
    spec, _ = kfp_backend.parse(text)
    assert spec.pipeline_info.description == HOSTILE


@pytest.mark.parametrize("text", ["data.path={{workflow.name}}.csv", "data.path=$(HOME).csv"])
def test_what_kubeflow_would_replace_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"--set '.*: on Kubeflow .* begins a name that is replaced"):
        render(loaded(), text)
    with pytest.raises(ValueError, match="begins a name that is replaced"):
        loaded(env={"A": text})


def test_spans_and_params_are_parameters_of_the_pipeline() -> None:
    given = loaded(params=["trainer.training.epochs", "description", "evaluation.gates.0.lower"])
    data = given.data.model_copy(update={"path": "days/{YYYY}-{MM}-{DD}.csv"})
    given = given.model_copy(update={"data": data, "description": "12"})
    text = render(given)
    spec, _ = kfp_backend.parse(text)
    defaults = {
        name: one.default_value.string_value for name, one in spec.root.input_definitions.parameters.items()
    }
    assert defaults == {
        "data_span": "",
        "trainer_training_epochs": str(given.trainer.training["epochs"]),
        # As YAML a number, so it is quoted to stay text.
        "description": '"12"',
        "evaluation_gates_0_lower": str(given.evaluation.gates[0].lower),
    }
    seen: list[list[str]] = []
    kfp_backend.run(
        text, "r", lambda one: seen.append(list(one.command)) or 0, data_span="7", description="a b"
    )
    assert seen[0][-4:] == [
        "--set=data.span=7",
        f"--set=trainer.training.epochs={defaults['trainer_training_epochs']}",
        "--set=description=a b",
        f"--set=evaluation.gates.0.lower={defaults['evaluation_gates_0_lower']}",
    ]
    assert all(one[-4:] == seen[0][-4:] for one in seen[:-1])
    assert seen[-1] == ["mlpipe", "node", "end", "penguin", "--run-id", "r", "--home", "/state"]


def test_vertex_reads_one_document_without_what_kubernetes_alone_knows() -> None:
    given = config.load("penguin")
    section = Kubeflow.model_validate(
        {**VERTEX, "nodes": {"Trainer": {"gpu": 1, "gpu_kind": "NVIDIA_TESLA_T4"}}}
    )
    text = render(given.model_copy(update={"kubeflow": section}))
    spec = yaml.safe_load(text)
    container = spec["deploymentSpec"]["executors"]["exec-trainer"]["container"]
    assert container["resources"]["accelerator"]["type"] == "NVIDIA_TESLA_T4"
    assert "/gcs/bucket/mlpipe" in container["args"]
    tasks = nodes_of(text)
    in_a_row = list(map(kubeflow.task_name, [node.id for node in node_list.node_list(given)]))
    assert [list(tasks[name].dependent_tasks) for name in in_a_row] == [[], *([one] for one in in_a_row[:-1])]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"image": None}, "penguin: kubeflow.image: is missing; name the image that the Dockerfile builds"),
        ({"volume": None}, "penguin: kubeflow.volume: is missing; the steps of a run share /state: name the"),
        (
            {"nodes": {"Trainr": {"cpu": 1}}},
            "penguin: kubeflow.nodes: the DAG has no node 'Trainr'; did you mean Trainer",
        ),
        ({"env": {"MLPIPE_METADATA_PASSWORD": "x"}}, "kubeflow.env: MLPIPE_METADATA_PASSWORD would stand in"),
        (
            {"env": {"MLPIPE_METADATA_URI": "postgresql://a:secret@b/c"}},
            "postgresql://b/c: a password does not belong into the URI",
        ),
        ({"params": ["trainer.training.epoch"]}, "kubeflow.params: no key .*; did you mean epochs"),
        ({**VERTEX, "home": "/state"}, "kubeflow.home: Vertex AI mounts buckets below /gcs/, not at /state"),
        ({**VERTEX, "env": {}}, "kubeflow.env: a bucket cannot keep ML Metadata's file; name a server"),
        (VERTEX, "kubeflow.volume: Vertex AI has none; take it out"),
        (
            {**VERTEX, "volume": None, "nodes": {"Trainer": {"timeout_minutes": 5}}},
            r"kubeflow\.\w+: Vertex AI has none; take it out",
        ),
    ],
)
def test_what_cannot_run(section: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        render(loaded(**section))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("kubeflow.home=s3://bucket/x", "kubeflow.home: 's3://bucket/x': is a folder of the container"),
        ("kubeflow.home=state", "kubeflow.home: 'state' is no absolute path below the root"),
        ("kubeflow.memory=16", "kubeflow.memory: '16' is no amount of memory: write 16Gi or 16000M"),
        ("kubeflow.cpu=four", "kubeflow.cpu: 'four' is no number of cores: write 4, 0.5 or 500m"),
        ("kubeflow.image=my image", "kubeflow.image: 'my image' is no name of an image"),
        ("kubeflow.volume=State", "kubeflow.volume: 'State' is no name that Kubernetes takes"),
        ("kubeflow.imagee=x", "kubeflow.imagee: unknown key; did you mean image"),
        ("kubeflow.nodes.Trainer.cpus=4", "unknown key; did you mean cpu"),
        (
            "kubeflow.nodes.Trainer.retries=-1",
            "kubeflow.nodes.Trainer.retries: .* greater than or equal to 0",
        ),
    ],
)
def test_settings_that_cannot_be(override: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        config.load("penguin", [override])


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    place = ["--set", "kubeflow.image=mlpipe:1", "--set", "kubeflow.volume=state"]
    arguments = ["mlpipe", "export", "kubeflow", "linear", *place]

    def call(*more: str) -> int:
        monkeypatch.setattr(sys, "argv", [*arguments, *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    assert call() == 0
    assert capsys.readouterr().out == (
        "wrote linear.yaml: the pipeline linear on mlpipe:1\n"
        "next: upload it on Kubeflow's page, or: kfp pipeline create -p linear linear.yaml\n"
    )
    first = Path("linear.yaml").read_text()
    kfp_backend.parse(first)
    assert call("--set", "kubeflow.image=mlpipe:2") == 0
    assert Path("linear.yaml").read_text() == first.replace("mlpipe:1", "mlpipe:2")
    capsys.readouterr()

    Path("mine.yaml").write_text("mine")
    for out, code, message in (
        ("mine.yaml", 2, "mine.yaml: is there and was not written by this command"),
        (".", 2, "--out .: is a folder; name a file in it"),
        ("mine.yaml/spec.yaml", 2, "--out mine.yaml/spec.yaml: mine.yaml is a file; name a folder"),
    ):
        assert call("--out", out) == code
        assert capsys.readouterr().err.startswith(f"mlpipe: {message}")
    assert Path("mine.yaml").read_text() == "mine"
    assert call("--out", "mine.yaml", "--force") == 0
    assert Path("mine.yaml").read_text() == first


def test_a_file_outside_the_repository_is_not_in_the_image(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text((ROOT / "pipeline/catalog/linear.yaml").read_text().replace("name: linear", "name: mine"))
    with pytest.raises(BadInput, match=r"mine\.yaml: is not part of the image; put it into pipeline/catalog"):
        kubeflow.export(str(path), ["kubeflow.image=a", "kubeflow.volume=b"], tmp_path / "out.yaml")


def test_nothing_heavy_is_imported() -> None:
    script = (
        "import sys; from pipeline.orchestration import kubeflow; from pipeline import config;"
        "kubeflow.render('penguin', config.load('penguin', ['kubeflow.image=a', 'kubeflow.volume=b']));"
        "print([one for one in ('tensorflow', 'tfx', 'apache_beam', 'kfp') if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_an_unwritable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", denied)
    overrides = ["kubeflow.image=a", "kubeflow.volume=b"]
    with pytest.raises(UserError, match="cannot be written: Permission denied; name another file"):
        kubeflow.export("linear", overrides, tmp_path / "spec.yaml")
