"""The script that fills the cluster's volume, run against a kubectl that keeps the volume in a folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from serving.deploy.files import files
from serving.deploy.settings import Settings

KUBECTL = """\
#!/bin/sh
# exec and cp work on the folder $VOLUME in place of /models in the pod.
set -eu
echo "$*" >> "$VOLUME/../calls"
while true; do case $1 in --*) shift ;; *) break ;; esac; done
case $1 in
exec) shift 3; eval "$(printf '%s ' "$@" | sed "s#/models#$VOLUME#g")" ;;
cp) cp -r "$2" "$VOLUME/${3#*:/models/}"; test -z "${BREAK:-}" ;;
esac
"""


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The volume; PATH has the kubectl, and the script lies in the folder `out`."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl").write_text(KUBECTL)
    (tmp_path / "bin" / "kubectl").chmod(0o755)
    volume = tmp_path / "volume"
    volume.mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("VOLUME", str(volume))
    return volume


def push(folder: Path, version: str) -> None:
    (folder / version / "variables").mkdir(parents=True)
    (folder / version / "saved_model.pb").write_text(f"graph {version}")
    (folder / version / "variables" / "data").write_text("weights")


def fill(volume: Path, *options: str) -> subprocess.CompletedProcess[str]:
    folder = volume.parent / "my models"
    settings = Settings({"penguin": folder}, 1000, namespace="models")
    script = volume.parent / "out" / "fill-models.sh"
    script.parent.mkdir(exist_ok=True)
    script.write_text(files(settings)["fill-models.sh"])
    return subprocess.run(["sh", str(script), *options], capture_output=True, text=True)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_versions_are_copied_once(volume: Path) -> None:
    folder = volume.parent / "my models"
    push(folder, "1")
    push(folder, ".pushing-2")
    done = fill(volume, "--context=staging")
    assert done.stdout.splitlines()[-1] == "penguin 1: copied", done.stderr
    assert tree(volume) == ["penguin/1/saved_model.pb", "penguin/1/variables/data"]
    push(folder, "12")
    assert fill(volume).stdout.splitlines()[-2:] == ["penguin 1: there already", "penguin 12: copied"]
    assert (volume / "penguin" / "12" / "saved_model.pb").read_text() == "graph 12"
    calls = (volume.parent / "calls").read_text().splitlines()
    assert calls[0].startswith("--namespace=models --context=staging apply -f ")
    assert calls[-1] == "--namespace=models delete pod mlpipe-serving-loader --wait=false"


def test_a_copy_that_breaks_off_leaves_no_version(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push(volume.parent / "my models", "1")
    monkeypatch.setenv("BREAK", "1")
    assert fill(volume).returncode != 0
    assert [path.name for path in (volume / "penguin").iterdir()] == [".incoming-1"]
    assert "delete pod" in (volume.parent / "calls").read_text()
    monkeypatch.delenv("BREAK")
    assert fill(volume).returncode == 0
    assert [path.name for path in (volume / "penguin").iterdir()] == ["1"]


def test_nothing_was_pushed(volume: Path) -> None:
    (volume.parent / "my models").mkdir()
    assert fill(volume).returncode == 0
    assert tree(volume) == []
