from __future__ import annotations

import hashlib
import http.server
import json
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import BadInput
from tools import package_index
from tools.package_index import Index, Pin, choose_wheel, configured_index, fetch_wheel, page_links, read_pins

WHEEL = "uv-1.2.3-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
BODY = b"a wheel"
PIN = Pin("uv", "1.2.3", frozenset({hashlib.sha256(BODY).hexdigest()}))


@pytest.fixture
def served() -> Iterator[tuple[str, dict[str, tuple[str, bytes]]]]:
    """A web server on this machine: its address, and the pages by path."""
    pages: dict[str, tuple[str, bytes]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = pages.get(self.path, ("", b""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", pages
        server.shutdown()


def test_a_wheel_is_found_checked_and_kept(
    tmp_path: Path, served: tuple[str, dict[str, tuple[str, bytes]]]
) -> None:
    address, pages = served
    link = f'<a href="../../files/{WHEEL}#sha256=00">{WHEEL}</a> <a href="../../files/uv-1.2.3.tar.gz">source</a>'
    pages["/simple/uv/"] = ("text/html", link.encode())
    pages[f"/files/{WHEEL}"] = ("application/octet-stream", BODY)
    # The first index does not have it: the next one is asked.
    index = Index([f"{address}/empty", f"{address}/simple/"])
    wheel = fetch_wheel(PIN, index, "x86_64", tmp_path / "cache")
    assert wheel == tmp_path / "cache" / WHEEL
    assert wheel.read_bytes() == BODY
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [WHEEL]


def test_a_bad_hash_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(b"something else")
    index = Index([], find_links=[str(tmp_path)])
    with pytest.raises(BadInput) as caught:
        fetch_wheel(PIN, index, "x86_64", tmp_path / "cache")
    digest = hashlib.sha256(b"something else").hexdigest()
    assert str(caught.value) == (
        f"{tmp_path / WHEEL} has sha256 {digest}, which requirements/bootstrap.lock does not list: "
        "the index gave another file; nothing of it was used"
    )
    assert not (tmp_path / "cache").exists()


def test_no_network_is_one_line_without_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def refused(request: object, **kwargs: object) -> None:
        tries.append(request)
        raise urllib.error.URLError("Connection refused")

    monkeypatch.setattr(package_index.urllib.request, "urlopen", refused)
    monkeypatch.setattr(package_index.time, "sleep", lambda seconds: None)
    with pytest.raises(BadInput) as caught:
        fetch_wheel(PIN, Index(["https://me:secret@pypi.example/simple"]), "x86_64", tmp_path)
    assert str(caught.value) == (
        "cannot fetch https://pypi.example/simple/uv/: Connection refused: check the network, "
        "or name a mirror with PIP_INDEX_URL or UV_DEFAULT_INDEX (docs/install.md)"
    )
    assert len(tries) == package_index.TRIES


def test_a_password_in_the_address_becomes_a_header() -> None:
    request = package_index._request("https://me:p%40ss@pypi.example/simple/uv/")
    assert request.full_url == "https://pypi.example/simple/uv/"
    assert request.get_header("Authorization") == "Basic bWU6cEBzcw=="  # me:p@ss


def test_nothing_that_fits_names_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"^no uv 1.2.3 wheel for Linux on x86_64 in {tmp_path}$"):
        fetch_wheel(PIN, Index([], find_links=[str(tmp_path)]), "x86_64", tmp_path)


def test_pages_in_json_and_html_give_absolute_links() -> None:
    page = "https://pypi.example/simple/uv/"
    body = json.dumps({"files": [{"url": "https://files.example/a.whl"}, {"url": "/b.whl"}]}).encode()
    assert page_links(page, "application/vnd.pypi.simple.v1+json", body) == [
        "https://files.example/a.whl",
        "https://pypi.example/b.whl",
    ]
    html = b'<p><a href="../../files/c%2B1.whl#sha256=ff">c</a><a name="x">'
    assert page_links(page, "text/html; charset=utf-8", html) == ["https://pypi.example/files/c%2B1.whl"]


def test_the_wheel_for_this_machine_and_version() -> None:
    links = [
        "https://f.example/uv-1.2.30-py3-none-manylinux_2_17_x86_64.whl",
        "https://f.example/uv-1.2.3-py3-none-macosx_10_12_x86_64.whl",
        "https://f.example/uv-1.2.3-py3-none-musllinux_1_1_x86_64.whl",
        "https://f.example/uv-1.2.3-py3-none-manylinux_2_28_aarch64.whl",
        "https://f.example/uv-1.2.3-py3-none-manylinux_2_28_x86_64.whl",
        f"https://f.example/{WHEEL}",
    ]
    assert choose_wheel(PIN, links, "x86_64") == f"https://f.example/{WHEEL}"
    assert choose_wheel(PIN, links, "riscv64") is None


def test_uv_variables_win_over_pip_variables_over_files(tmp_path: Path) -> None:
    conf = tmp_path / ".config/pip/pip.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text("[global]\nindex-url = https://file.example/simple\ncert = /file.pem\n")
    assert configured_index({}, tmp_path).urls[-1] == "https://file.example/simple"
    pip = {"PIP_INDEX_URL": "https://pip.example/simple"}
    assert configured_index(pip, tmp_path) == Index(["https://pip.example/simple"], [], "/file.pem")
    uv = {**pip, "UV_DEFAULT_INDEX": "inside=https://uv.example/simple", "SSL_CERT_FILE": "/env.pem"}
    assert configured_index(uv, tmp_path) == Index(["https://uv.example/simple"], [], "/env.pem")


def test_uv_gets_what_pip_was_told(tmp_path: Path) -> None:
    env = {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": "https://pip.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example/simple https://b.example/simple",
        "PIP_CERT": "/ca.pem",
        "PIP_FIND_LINKS": f"{tmp_path} /no/such/folder",
    }
    assert configured_index(env, tmp_path).uv_environment() == {
        "UV_DEFAULT_INDEX": "https://pip.example/simple",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_FIND_LINKS": str(tmp_path),
        "SSL_CERT_FILE": "/ca.pem",
    }
    offline = configured_index({**env, "PIP_NO_INDEX": "1"}, tmp_path)
    assert offline.urls == []
    assert offline.uv_options() == ["--no-index"]
    assert offline.uv_environment() == {"UV_FIND_LINKS": str(tmp_path), "SSL_CERT_FILE": "/ca.pem"}


def test_a_broken_pip_configuration_is_named(tmp_path: Path) -> None:
    conf = tmp_path / ".pip/pip.conf"
    conf.parent.mkdir()
    conf.write_text("index-url = https://pip.example\n")
    with pytest.raises(BadInput, match=r"^.*/\.pip/pip\.conf is not a pip configuration: "):
        configured_index({}, tmp_path)


def test_pins_read_from_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    digests = ["a" * 64, "b" * 64]
    lock.write_text(
        f"# made\nuv==1.2.3 \\\n    --hash=sha256:{digests[0]} \\\n    --hash=sha256:{digests[1]}\n    # via x\n"
    )
    assert read_pins(lock) == {"uv": Pin("uv", "1.2.3", frozenset(digests))}
