"""Flink's jars are fetched once, by a stand-in for Maven; what stands in the way is one line."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from common.errors import BadInput
from tools.flink import __main__ as command
from tools.flink import cluster, jars

MVN = """\
#!/bin/sh
echo "$@" >> calls
for word; do
  case "$word" in -DoutputDirectory=*) mkdir -p "${word#*=}"; touch "${word#*=}/flink.jar" ;; esac
done
if [ -f broken ]; then
  echo "[INFO] Downloading"
  echo "[ERROR] Could not find artifact org.apache.flink:flink-clients"
  echo "[ERROR] To see the full stack trace"
  exit 1
fi
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of `java` and `mvn`, ahead of which the tests find nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("java", "#!/bin/sh\n"), ("mvn", MVN)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return folder


def test_they_are_fetched_once(tmp_path: Path, programs: Path) -> None:
    found = jars.ensure(tmp_path)
    assert [path.name for path in found.iterdir()] == ["flink.jar"]
    assert jars.ensure(tmp_path) == found
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert call.startswith(f"-B -q -f {jars.POM} dependency:copy-dependencies -DincludeScope=runtime ")


def test_other_pins_are_fetched_anew(tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = jars.ensure(tmp_path)
    newer = tmp_path / "pom.xml"
    newer.write_text("<project/>")
    monkeypatch.setattr(jars, "POM", newer)
    assert jars.ensure(tmp_path) != found


def test_what_maven_says_is_handed_on_and_it_is_tried_again(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "broken").touch()
    with pytest.raises(BadInput) as caught:
        jars.ensure(tmp_path)
    assert str(caught.value) == (
        "mvn could not fetch the jars of flink/pom.xml: Could not find artifact org.apache.flink:flink-clients"
    )
    (tmp_path / "broken").unlink()
    assert jars.ensure(tmp_path).is_dir()


def test_no_maven(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (programs / "mvn").unlink()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["tools.flink", "start"])
    assert command.main() == 2
    assert capsys.readouterr().err == "setup: no Flink: no mvn on PATH; on Debian: apt-get install maven\n"


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BadInput) as caught:
            with cluster.running(tmp_path, tmp_path / "cluster", port=port):
                pass
    assert str(caught.value) == f"port {port} is taken (Address already in use); name another"
    assert not (tmp_path / "cluster").exists()


def test_what_does_not_start(tmp_path: Path, programs: Path) -> None:
    folder = tmp_path / "cluster"
    with pytest.raises(BadInput, match=r"^the job-\w+ ended at its start, its log: .*/job-\w+\.log$"):
        with cluster.running(tmp_path, folder):
            pass
    settings = (folder / "config.yaml").read_text()
    assert "rest.bind-address: localhost\n" in settings
    assert "restart-strategy.type: exponential-delay\n" in settings
