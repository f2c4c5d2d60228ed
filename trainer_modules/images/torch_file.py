"""Reads the tensors of a file that PyTorch saved in its format of before 1.6, without PyTorch and without its code."""

from __future__ import annotations

import collections
import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np

from common.errors import BadInput

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4"}


class _Storage:
    """Memory of one or more tensors: its dtype, and its values once they are read."""

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.values = np.zeros(0, self.dtype)


class _Tensor:
    """A view into a storage, as the file describes it."""

    def __init__(self, storage: _Storage, offset: int, shape: Any, stride: Any, *_: Any) -> None:
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride

    def array(self) -> np.ndarray:
        size = self.storage.dtype.itemsize
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        if not 0 <= self.offset <= last < len(self.storage.values):
            raise pickle.UnpicklingError("a tensor lies outside its storage")
        strides = [step * size for step in self.stride]
        view = np.lib.stride_tricks.as_strided(self.storage.values[self.offset :], self.shape, strides)
        return view.copy()


class _Unpickler(pickle.Unpickler):
    """Knows tensors, storages and ordered dicts; a file that names anything else is refused."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a file of weights")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, _, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError("views of storages are not read")
        return self.storages.setdefault(key, _Storage(dtype))


def read(path: Path) -> dict[str, np.ndarray]:
    """Return name -> array of a state dict, in the order of the file. Raises BadInput for any other file.

    The format: four pickles (magic number, protocol, machine, tensors), the keys of the storages as a fifth, then for each
    the count of its values as int64 and the values, little-endian.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise BadInput(
            f"{path} is no file of weights as PyTorch wrote them before 1.6: {error or type(error).__name__}"
        ) from None


def _read(file: IO[bytes]) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
        raise ValueError("its beginning is another one")
    if not _Unpickler(file).load().get("little_endian"):
        raise ValueError("its numbers are big-endian")
    unpickler = _Unpickler(file)
    tensors = unpickler.load()
    for key in _Unpickler(file).load():
        storage = unpickler.storages[key]
        count = int.from_bytes(file.read(8), "little")
        content = file.read(count * storage.dtype.itemsize)
        storage.values = np.frombuffer(content, storage.dtype)
        if len(storage.values) != count:
            raise ValueError("its end is missing")
    return {name: tensor.array() for name, tensor in tensors.items()}
