from __future__ import annotations

import collections
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import BadInput
from trainer_modules.images import torch_file

MAGIC = 0x1950A86A20F9469CFC6C


class Saved:
    """A tensor as PyTorch pickles it: a call with a reference to its storage."""

    def __init__(self, key: str, values: np.ndarray) -> None:
        self.key, self.values = key, np.ascontiguousarray(values)

    def __reduce__(self) -> Any:
        strides = tuple(step // self.values.itemsize for step in self.values.strides)
        storage = Reference(self.key, self.values)
        hooks: Any = collections.OrderedDict()
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (storage, 0, self.values.shape, strides, False, hooks)


class Reference:
    def __init__(self, key: str, values: np.ndarray) -> None:
        self.key, self.values = key, values


class Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, Reference):
            return None
        torch = sys.modules["torch"]
        kind = torch.LongStorage if obj.values.dtype == np.int64 else torch.FloatStorage
        return "storage", kind, obj.key, "cpu", obj.values.size, None


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of PyTorch as its pickles name."""
    package, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage"):
        setattr(package, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_: Any) -> None:
        """Only its name is pickled."""

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", package)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def write(path: Path, tensors: dict[str, np.ndarray], little_endian: bool = True) -> None:
    keys = {name: str(number) for number, name in enumerate(tensors)}
    with path.open("wb") as file:
        for value in (MAGIC, 1001, {"little_endian": little_endian}):
            pickle.dump(value, file, protocol=2)
        state = collections.OrderedDict((name, Saved(keys[name], tensors[name])) for name in tensors)
        Pickler(file, protocol=2).dump(state)
        pickle.dump(list(keys.values()), file, protocol=2)
        for value in tensors.values():
            file.write(value.size.to_bytes(8, "little") + value.tobytes())


@pytest.mark.usefixtures("torch")
def test_tensors_come_back_in_their_order(tmp_path: Path) -> None:
    tensors = {
        "b.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "a.bias": np.array([1.5, -2.5], np.float32),
        "a.seen": np.array(7, np.int64),
    }
    write(tmp_path / "saved.pth", tensors)
    found = torch_file.read(tmp_path / "saved.pth")
    assert list(found) == list(tensors)
    for name, value in tensors.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.usefixtures("torch")
def test_a_file_that_is_cut_off_or_of_another_machine(tmp_path: Path) -> None:
    path = tmp_path / "saved.pth"
    write(path, {"a": np.ones(100, np.float32)})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadInput, match=r"before 1.6: its end is missing"):
        torch_file.read(path)
    write(path, {"a": np.ones(1, np.float32)}, little_endian=False)
    with pytest.raises(BadInput, match="its numbers are big-endian"):
        torch_file.read(path)


class Harmful:
    def __reduce__(self) -> Any:
        return print, ("this must not run",)


def test_a_pickle_that_names_code_is_refused_before_it_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "harmful.pth"
    path.write_bytes(pickle.dumps(Harmful(), protocol=2))
    with pytest.raises(BadInput, match=r"__builtin__.print is no part of a file of weights"):
        torch_file.read(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"text"])
def test_files_of_another_kind(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"other.pth is no file of weights as PyTorch wrote them before 1.6"):
        torch_file.read(path)
    with pytest.raises(BadInput, match="no such file"):
        torch_file.read(tmp_path / "none.pth")
