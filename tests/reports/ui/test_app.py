from __future__ import annotations

import pytest
from starlette.testclient import TestClient


def test_pipelines_with_their_last_runs(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "penguin" in answer.text
    assert "20261124-060000" in answer.text


def test_a_home_without_runs_says_what_to_do(empty: TestClient) -> None:
    answer = empty.get("/")
    assert answer.status_code == 200
    assert "mlpipe run penguin" in answer.text


@pytest.mark.parametrize(
    "path", ["/nothing", "/static/no.css", "/static/..%2fapp.py", "/static/%2e%2e/app.py"]
)
def test_an_unknown_address_is_one_clear_line(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert 'class="line">There is no' in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8600", "localhost.evil.example", "[", ""]
)
def test_foreign_host_names_are_refused(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8600", "127.0.0.1:9", "[::1]:8600"])
def test_names_of_this_machine_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


def test_other_sites_cannot_post(client: TestClient) -> None:
    assert client.post("/", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/", headers={"origin": "http://127.0.0.1"}).status_code == 405


def test_pages_load_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/nothing", "/static/style.css"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
