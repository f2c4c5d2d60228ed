"""`mlpipe export serving`: what it writes for which models, and what it does not take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pipeline.owned_files import RECORD
from tests.end_to_end.project import REPOSITORY, Result, mlpipe


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pipelines that have pushed a model, in the current folder."""
    for name in ("penguin", "taxi"):
        version = tmp_path / "home" / "serving" / name / "1"
        version.mkdir(parents=True)
        (version / "saved_model.pb").write_bytes(b"m" * 1000)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def export(*arguments: str) -> Result:
    return mlpipe("export", "serving", *arguments, "--home", "home")


def test_all_pushed_models(home: Path) -> None:
    result = export()
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "wrote 13 files to deploy for penguin, taxi",
        "next: docker compose -f deploy/compose.yaml up",
        "or:   deploy/fill-models.sh && kubectl apply -f deploy/kubernetes",
    ]
    document = yaml.safe_load(Path("deploy/compose.yaml").read_text())
    mounted = {mount["source"] for mount in document["services"]["serving"]["volumes"]}
    assert mounted == {"./config", str(home / "serving" / "penguin"), str(home / "serving" / "taxi")}
    assert Path("deploy/fill-models.sh").stat().st_mode & 0o111


def test_the_page_names_every_file_and_option() -> None:
    page = (REPOSITORY / "docs" / "deploy-serving.md").read_text()
    assert export().code == 0
    written = [path.relative_to("deploy") for path in Path("deploy").rglob("*") if path.is_file()]
    assert len(written) == 14
    for path in written:
        assert f"`{path}`" in page or f"`{path.parent}/`" in page or path.name == RECORD
    options = re.findall(r"^  (--[a-z-]+)", export("--help").out, flags=re.MULTILINE)
    assert [option for option in options if f"`{option}`" not in page] == ["--home", "--help"]


def test_one_pipeline_with_options() -> None:
    result = export(
        "taxi", "--output", "out", "--name", "taxis", "--namespace", "ml", "--cpus", "4", "--min-replicas", "1",
        "--max-replicas", "9", "--versions", "2", "--image", "registry:5000/tf/serving@sha256:" + "0" * 64,
    )  # fmt: skip
    assert (result.code, result.err) == (0, "")
    deployment = yaml.safe_load(Path("out/kubernetes/deployment.yaml").read_text())
    assert deployment["metadata"]["name"] == "taxis"
    assert deployment["metadata"]["namespace"] == "ml"
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith("registry:5000/tf/serving@sha256:0")
    assert container["resources"]["requests"]["cpu"] == "4"
    scaling = yaml.safe_load(Path("out/kubernetes/autoscaler.yaml").read_text())["spec"]
    assert (scaling["minReplicas"], scaling["maxReplicas"]) == (1, 9)
    config = Path("out/config/models.config").read_text()
    assert "num_versions: 2" in config
    assert "penguin" not in config


def test_again_with_fewer_models_and_after_an_edit() -> None:
    assert export().code == 0
    assert export("penguin").code == 0
    assert "taxi" not in Path("deploy/config/models.config").read_text()
    edited = Path("deploy/config/batching.config")
    edited.write_text("max_batch_size { value: 4 }\n")
    assert export("penguin", "--cpus", "2").err == (
        "mlpipe: deploy/config/batching.config: was edited since it was written; keep the edit elsewhere, then give"
        " --force\n"
    )
    assert edited.read_text() == "max_batch_size { value: 4 }\n"
    assert export("penguin", "--force").code == 0
    assert "value: 128" in edited.read_text()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["pengin"], "no pushed model of a pipeline 'pengin'; did you mean penguin?"),
        (
            ["--name", "My_Models"],
            "--name My_Models: small letters, digits and -, a letter first, at most 50 of them",
        ),
        (["--image", "tensorflow/serving"], "--image tensorflow/serving: name the tag or digest, such as"),
        (
            ["--image", "tensorflow/serving:latest"],
            "--image tensorflow/serving:latest: name the tag or digest",
        ),
        (["--min-replicas", "7"], "--min-replicas 7 is more than --max-replicas 6"),
    ],
)
def test_what_it_does_not_take(arguments: list[str], line: str) -> None:
    result = export(*arguments)
    assert result.code == 2
    assert result.err.startswith(f"mlpipe: {line}")
    assert not Path("deploy").exists()
