"""A SavedModel as a servable: a session over its graph, as TensorFlow Serving itself runs TF1 and TF2 models."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401 registers TensorFlow Text's operations, which TensorFlow Serving has built in
from tensorflow.core.protobuf.config_pb2 import CallableOptions
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow.python.framework.ops import dismantle_graph

from serving.errors import ServingError, invalid_argument
from serving.shapes import Shape, fits, shape_of, shown
from serving.tensorflow_errors import from_tensorflow

# One per signature and output filter in use; clients choose the filters, so that they could be many.
MAX_CALLABLES = 64
# RunOptions.inter_op_thread_pool: a negative number stands for no pool.
CALLER_THREAD = -1


def load_saved_model(
    path: Path,
    tags: Sequence[str] = ("serve",),
    *,
    intra_op_threads: int = 0,
    inter_op_threads: int = 0,
) -> SavedModel:
    """Loads variables, assets and tables of the meta graph with exactly these tags.

    0 intra-op threads: TensorFlow decides; 0 inter-op threads: operations run one after another in the thread of the
    request, which saves small models a good third of their CPU time.

    Blocks. Raises ServingError: NOT_FOUND without a model or the tags, DATA_LOSS when the file is cut off,
    and TensorFlow's own codes.
    """
    if not ((path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file()):
        raise ServingError(
            grpc.StatusCode.NOT_FOUND,
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}. "
            "Check that the directory exists and that you have the right permissions for accessing it.",
        )
    config = tf.compat.v1.ConfigProto(
        allow_soft_placement=True,
        intra_op_parallelism_threads=intra_op_threads,
        inter_op_parallelism_threads=inter_op_threads,
    )
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    try:
        meta_graph = tf.compat.v1.saved_model.load(session, list(tags), str(path))
    except Exception as error:
        _free(session)
        raise _load_error(error, path, tags) from None
    return SavedModel(session, dict(meta_graph.signature_def), in_caller_thread=not inter_op_threads)


def _load_error(error: Exception, path: Path, tags: Sequence[str]) -> ServingError:
    if isinstance(error, tf.errors.OpError):
        return from_tensorflow(error)
    if isinstance(error, OSError):
        return ServingError(
            grpc.StatusCode.DATA_LOSS, f"Can't parse {path / 'saved_model.pb'} as binary proto"
        )
    if isinstance(error, RuntimeError) and "associated with tags" in str(error):
        return ServingError(
            grpc.StatusCode.NOT_FOUND,
            f"Could not find meta graph def matching supplied tags: {{ {' '.join(tags)} }}. To inspect available "
            "tag-sets in the SavedModel, please use the SavedModel CLI: `saved_model_cli`",
        )
    if isinstance(error, ValueError) and "checkpoint" in str(error):
        return ServingError(
            grpc.StatusCode.NOT_FOUND, f"Could not find the variables at {path / 'variables'}"
        )
    return ServingError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")


def _free(session: tf.compat.v1.Session) -> None:
    """Frees the session, and its graph at once: that has reference cycles, and is too large to wait for the collector."""
    session.close()
    for name in session.graph.get_all_collection_keys():
        session.graph.clear_collection(name)
    dismantle_graph(session.graph)


class Input(NamedTuple):
    """An input as requests name it, and its shape, -1 for sizes that are open."""

    alias: str
    shape: Shape


def _placeholders(graph: tf.Graph, signatures: Mapping[str, SignatureDef]) -> dict[str, Input]:
    """Tensor name -> input, of those that say their shape: placeholders of a known rank.

    A tensor inside the graph takes whatever its readers take: `x` of TF Serving's own half_plus_two is [?,1], and its
    documents ask with [3].
    """
    placeholders = {
        operation.outputs[0].name for operation in graph.get_operations() if operation.type == "Placeholder"
    }
    return {
        info.name: Input(alias, shape)
        for signature in signatures.values()
        for alias, info in signature.inputs.items()
        if info.name in placeholders and (shape := shape_of(info.tensor_shape)) is not None
    }


class SavedModel:
    """One loaded SavedModel."""

    def __init__(
        self,
        session: tf.compat.v1.Session,
        signatures: Mapping[str, SignatureDef],
        in_caller_thread: bool = True,
    ) -> None:
        self.signatures = signatures
        self._inter_op_thread_pool = CALLER_THREAD if in_caller_thread else 0
        self._session = session
        self._inputs = _placeholders(session.graph, signatures)
        self._callables: OrderedDict[tuple[tuple[str, ...], tuple[str, ...]], Callable[..., list[Any]]] = (
            OrderedDict()
        )
        self._lock = threading.Lock()

    def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        """See `Servable.run`. A shape that the signature rules out is INVALID_ARGUMENT before the model runs.

        Some operations would end the process on it, and broadcasting would answer something.
        """
        if not fetches:
            return []
        for name, value in feeds.items():
            if (known := self._inputs.get(name)) is not None and not fits(known.shape, value.shape):
                raise invalid_argument(
                    f"Input {known.alias} has the shape {shown(known.shape)} in the signature, "
                    f"{shown(value.shape)} was sent"
                )
        try:
            answers = self._callable(tuple(feeds), tuple(fetches))(*feeds.values())
        except tf.errors.OpError as error:
            raise from_tensorflow(error) from None
        return [_array(answer) for answer in answers]

    def close(self) -> None:
        """Frees variables, tables and graph."""
        self._callables.clear()
        _free(self._session)
        del self._session

    def _callable(self, feeds: tuple[str, ...], fetches: tuple[str, ...]) -> Callable[..., list[Any]]:
        key = (feeds, fetches)
        with self._lock:
            found = self._callables.get(key)
            if found is None:
                options = CallableOptions(feed=feeds, fetch=fetches)
                options.run_options.inter_op_thread_pool = self._inter_op_thread_pool
                found = self._callables[key] = self._session._make_callable_from_options(options)
                if len(self._callables) > MAX_CALLABLES:
                    self._callables.popitem(last=False)
            else:
                self._callables.move_to_end(key)
        return found


def _array(answer: Any) -> np.ndarray:
    if isinstance(answer, np.ndarray):
        return answer
    return np.array(answer, dtype=object if isinstance(answer, bytes) else None)
