"""How a component's failure is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BadInput, GateFailed
from pipeline import node


def caught(source: str, name: str = "model.py") -> BaseException:
    """The exception that a user's file raises."""
    Path(name).write_text(source)
    code = compile(source, str(Path(name).absolute()), "exec")
    try:
        exec(code, {})
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_line_names_component_error_and_place() -> None:
    failed = node.NodeFailed("Trainer", caught("a = 1\nraise ValueError('no layer\\n\\nmore')\n"))
    assert str(failed) == f"Trainer failed: ValueError: no layer ({Path.cwd().name}/model.py:2)"
    assert failed.exit_code == 1


def test_the_place_is_the_user_s_own_code_and_not_the_library_s() -> None:
    failed = node.NodeFailed("Trainer", caught("import json\n\njson.loads('{')\n"))
    assert str(failed).endswith(f"({Path.cwd().name}/model.py:3)")


def test_an_import_that_tfx_wraps_is_told_by_its_reason() -> None:
    wrapped = ImportError("Could not import requested module path 'mine'.")
    wrapped.__cause__ = caught("import nothing_of_mine\n")
    failed = node.NodeFailed("Transform", wrapped)
    assert str(failed) == (
        "Transform failed: ModuleNotFoundError: No module named 'nothing_of_mine'"
        f" ({Path.cwd().name}/model.py:1)"
    )
    assert failed.last_lines(1) == "  ModuleNotFoundError: No module named 'nothing_of_mine'"


def test_an_error_without_words() -> None:
    assert str(node.NodeFailed("Tuner", RuntimeError())) == "Tuner failed: RuntimeError: "


def test_long_messages_are_cut() -> None:
    assert len(str(node.NodeFailed("Tuner", RuntimeError("x" * 5000)))) < 400


def test_a_full_disk_is_told_however_it_is_wrapped() -> None:
    error = RuntimeError("ResourceExhaustedError: /a/b/c.tmp; No space left on device [while running 'x']")
    assert str(node.NodeFailed("Transform", error)) == "Transform failed: No space left on device"


def test_the_last_lines_are_the_end_of_the_traceback() -> None:
    lines = node.NodeFailed("Trainer", caught("def f():\n    raise ValueError('x')\n\n\nf()\n")).last_lines(4)
    assert lines.splitlines()[-1] == "  ValueError: x"
    assert "    raise ValueError('x')" in lines
    assert len(lines.splitlines()) == 4


@pytest.mark.parametrize("error", [BadInput("label is missing"), GateFailed("not blessed")])
def test_a_user_s_error_is_found_below_what_libraries_wrap_around_it(error: Exception) -> None:
    def wrapped() -> None:
        try:
            try:
                raise error
            except Exception as inner:
                raise RuntimeError("beam") from inner
        except RuntimeError:
            raise KeyError("launcher")  # noqa: B904

    with pytest.raises(KeyError) as outer:
        wrapped()
    assert node._user_error(outer.value) is error
    assert node._user_error(ValueError("x")) is None
