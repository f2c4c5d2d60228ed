"""Models of a running server on the page: the real server of this repository, and what is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import BadInput
from pipeline.home import Home
from reports.what_if.models import ModelFailed
from reports.what_if.server import Server, checked
from tests.reports.what_if import birds
from tests.reports.what_if.asking import client_of, get, post
from tests.serving import process

ROWS = birds.rows()
OWN = {"bill": "50", "island": "Dream", "mass": None}
EXACT = {"bill": 50.0, "island": "Dream", "mass": None}


@pytest.fixture(scope="module")
def server(real_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.ServerProcess]:
    """Serves both versions of birds, and one as `others`, which no home knows."""
    folder = tmp_path_factory.mktemp("server")
    base = real_home.serving("birds")
    policies = {"birds": "all {}", "others": "specific { versions: 2 }"}
    listed = "".join(
        f'config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow"'
        f" model_version_policy {{ {policy} }} }}\n"
        for name, policy in policies.items()
    )
    (folder / "models.config").write_text(f"model_config_list {{ {listed} }}")
    with process.serving(folder, f"--model_config_file={folder / 'models.config'}") as running:
        yield running


def test_every_part_asks_the_server_until_it_goes_away(
    server: process.ServerProcess, real_home: Home
) -> None:
    address = f"http://localhost:{server.rest_port}"
    # The formula in the place of pushed models: what is asked of the server cannot have come from there.
    pushed = birds.FormulaModels()
    client = client_of(real_home, pushed, address)
    page = client.get("/what-if/birds").text
    for which, title in (("2@server", f"2 at {address}"), ("1@server", f"1 at {address}"), ("2", "2")):
        assert f'<option value="{which}"' in page
        assert f">{title}</option>" in page
    assert 'data-version="2@server"' in page
    assert "120 held-out examples" in page

    model = get(client, "model", version="1@server")
    assert (model["title"], model["outputs"], model["table"]) == (f"1 at {address}", ["yes"], True)
    told = post(client, "answer", {"values": OWN}, version="1@server", against="2@server")["answers"]
    for number, answer in zip((1, 2), told, strict=True):
        assert answer["scores"] == pytest.approx([birds.probability(EXACT, number)], abs=1e-6)
        assert answer["title"] == f"{number} at {address}"
    told = post(client, "answer", {"values": OWN}, version="2", against="2@server")["answers"]
    assert [answer["title"] for answer in told] == ["2", f"2 at {address}"]

    curve = post(client, "dependence", {"values": OWN, "feature": "bill"}, version="2@server")
    assert curve["own"] == pytest.approx(
        [birds.probability({**EXACT, "bill": value}, 2) for value in curve["values"]], abs=1e-6
    )
    assert curve["rows"] == 120
    found = post(client, "counterfactual", {"values": OWN}, version="2@server")
    assert birds.probability(ROWS[found["id"]], 2) <= 0.5
    apart = get(client, "disagreement", version="1@server", against="2@server")
    assert apart["examples"] == 120
    distances = [abs(birds.probability(row, 1) - birds.probability(row, 2)) for row in ROWS]
    assert apart["rows"][0]["id"] == int(np.argmax(distances))
    same = get(client, "disagreement", version="2@server", against="2")
    assert same["rows"] == []

    # A model that no home knows has a form, too.
    assert client.get("/what-if/", params={"model": "others"}).url.path == "/what-if/others"
    other = post(client, "answer", {"values": OWN}, "others", version="2@server")["answers"][0]
    assert other["label"] == "yes"
    assert other["scores"] == pytest.approx([birds.probability(EXACT, 2)], abs=1e-6)

    lines = {
        "birds version 7": post(client, "answer", {"values": OWN}, version="7@server")["problem"],
        "bards version 1": get(client, "model", "bards", version="1@server")["problem"],
    }
    for what, line in lines.items():
        assert line.startswith(f"{address} does not serve {what}")
        assert "\n" not in line
    missing = client.get("/what-if/bards")
    assert missing.status_code == 502
    assert f"{address} does not serve bards" in missing.text

    server.stop()
    for part, body in (("answer", {"values": OWN}), ("dependence", {"values": OWN, "feature": "bill"})):
        line = post(client, part, body, version="2@server")["problem"]
        assert line.startswith(f"the model server does not answer: {address}: ")
        assert line.endswith("mlpipe serve birds starts one")
    page = client.get("/what-if/birds")
    assert page.status_code == 200
    assert '<p class="problem">the model server does not answer' in page.text
    assert 'data-version="2"' in page.text
    assert client.get("/what-if/birds", params={"version": "2@server"}).status_code == 200
    assert post(client, "answer", {"values": OWN}, version="2")["answers"][0]["label"] == "yes"


def test_without_a_server_none_is_asked(home: Home) -> None:
    client = client_of(home, birds.FormulaModels())
    line = get(client, "model", version="2@server")["problem"]
    assert "mlpipe ui --server http://HOST:PORT" in line
    assert "at http" not in client.get("/what-if/birds").text


@pytest.mark.parametrize(
    "address", ["localhost:8501", "ftp://x", "http://", "http://x:y", "http://a b:1/", "http://x?q=1", ""]
)
def test_what_is_no_address_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no address; give http://HOST:PORT"):
        client_of(Home(tmp_path), birds.FormulaModels(), address)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(BadInput, match="leave out the user") as refused:
        checked("http://me:secret@host:1")
    assert "secret" not in str(refused.value)
    assert checked("https://models.example/") == "https://models.example"


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"model_version_status": [{"version": "x"}]}', b"[]"])
def test_what_is_no_model_server_is_said(body: bytes) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *given: Any) -> None:
            """Says nothing."""

    other = HTTPServer(("127.0.0.1", 0), Other)
    thread = threading.Thread(target=other.serve_forever)
    thread.start()
    try:
        asked = Server(f"http://127.0.0.1:{other.server_port}")
        with pytest.raises(ModelFailed, match="not as a model server does"):
            asked.versions("birds")
    finally:
        other.shutdown()
        thread.join()
        other.server_close()


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_leads_nowhere_else_on_the_server(name: str) -> None:
    with pytest.raises(BadInput, match="is no name of a model"):
        Server("http://127.0.0.1:1").versions(name)
