"""The operations of TFT's analysis graph, each as a value that is computed when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
from tensorflow_transform import analyzer_nodes, nodes
from tensorflow_transform.beam import beam_nodes, impl

from components.transform import observed, vocabulary

Batch = Mapping[str, Any]


class Unsupported(Exception):
    """An analyzer that is not done here: one per key, one that is a Beam transform, mutual information."""


@dataclass(frozen=True)
class Run:
    """What the operations share.

    `passes` takes the path of a SavedModel and gives its outputs for one batch after the other.
    `vocabularies` is filled with what is counted on the way (see `observed.counted`).
    """

    preprocessing_fn: Callable[..., Any]
    specs: Mapping[str, Any]
    fingerprint: Any
    temporary: str
    passes: Callable[[str], Iterable[Batch]]
    vocabularies: dict[str, Any] = field(default_factory=dict)


class Deferred:
    """A value that is computed once, when it is first asked for."""

    def __init__(self, compute: Callable[[], Any]) -> None:
        self._compute: Callable[[], Any] | None = compute
        self._value: Any = None

    def get(self) -> Any:
        if self._compute is not None:
            self._value = self._compute()
            self._compute = None
        return self._value


@dataclass
class _Sink:
    """An accumulator over the batches of a phase."""

    accumulator: Any
    add: Callable[[Any, Any], Any]
    select: Callable[[Batch], Any]


@dataclass
class _Phase:
    """One pass over the data, feeding all accumulators that were asked for while the graph was visited."""

    run: Run
    saved_model: Deferred
    sinks: list[_Sink] = field(default_factory=list)
    done: bool = False

    def accumulate(self, sink: _Sink, finish: Callable[[Any], Any]) -> Deferred:
        self.sinks.append(sink)

        def value() -> Any:
            self._read_all()
            return finish(sink.accumulator)

        return Deferred(value)

    def _read_all(self) -> None:
        if self.done:
            return
        for batch in self.run.passes(self.saved_model.get()):
            for sink in self.sinks:
                sink.accumulator = sink.add(sink.accumulator, sink.select(batch))
        self.done = True


@dataclass(frozen=True)
class _Columns:
    """Some outputs of a phase, as a tuple."""

    phase: _Phase
    keys: tuple[str, ...]

    def select(self, batch: Batch) -> tuple[Any, ...]:
        return tuple(batch[key] for key in self.keys)


class Visitor(nodes.Visitor):
    """Turns each operation into deferred values; `visit` raises Unsupported for those that need Beam."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def validate_value(self, value: Any) -> None:
        """Any value is one."""

    def visit(self, operation: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        handler = _HANDLERS.get(type(operation))
        if handler is None:
            raise Unsupported(type(operation).__name__)
        return handler(self._run, operation, *inputs)


def _saved_model(run: Run, operation: Any, *bindings: Deferred) -> tuple[Deferred]:
    signature = operation.output_signature
    # Only a phase names its outputs; the last model has all that the function returns.
    is_phase = all(isinstance(tensor, tf.Tensor) for tensor in signature.values())
    names = {key: tensor.name for key, tensor in signature.items()} if is_phase else {}

    def create() -> str:
        replaced = {}
        for binding in bindings:
            value, target = binding.get()
            replaced[target.tensor_name] = tf.constant(value, tf.dtypes.as_dtype(target.dtype_enum))
        return impl._create_v2_saved_model(
            replaced, run.temporary, run.preprocessing_fn, run.specs, run.fingerprint, names, None
        )

    return (Deferred(create),)


def _binding(run: Run, operation: Any, value: Deferred) -> tuple[Deferred]:
    return (Deferred(lambda: (value.get(), operation)),)


def _input(run: Run, operation: Any) -> tuple[None]:
    return (None,)


def _apply(run: Run, operation: Any, saved_model: Deferred, data: None) -> tuple[_Phase]:
    return (_Phase(run, saved_model),)


def _extract(run: Run, operation: Any, source: _Phase | Deferred) -> tuple[_Columns | Deferred]:
    if isinstance(source, _Phase):
        return (_Columns(source, operation.keys),)
    return (Deferred(lambda: source.get()[operation.keys]),)


def _accumulate(run: Run, operation: Any, columns: _Columns) -> tuple[Deferred]:
    combiner = operation.combiner
    sink = _Sink(combiner.create_accumulator(), combiner.add_input, columns.select)
    return (columns.phase.accumulate(sink, combiner.compact),)


def _accumulate_packed(run: Run, operation: Any, phase: _Phase) -> tuple[Deferred]:
    parts = {
        packed.label: _accumulate(run, packed, _Columns(phase, packed.keys))[0]
        for packed in operation.combiners
    }
    return (Deferred(lambda: {label: part.get() for label, part in parts.items()}),)


def _merged(combiner: Any, accumulators: Iterable[Any]) -> Any:
    given = [combiner.create_accumulator(), *accumulators]
    merged = combiner.merge_accumulators([one for one in given if one is not None])
    return combiner.extract_output(merged)


def _merge(run: Run, operation: Any, accumulator: Deferred) -> tuple[Deferred]:
    return (Deferred(lambda: _merged(operation.combiner, [accumulator.get()])),)


def _merge_packed(run: Run, operation: Any, keyed: Deferred) -> tuple[Deferred]:
    def merge() -> dict[str, Any]:
        accumulators: dict[str, list[Any]] = {}
        for key, accumulator in keyed.get():
            accumulators.setdefault(key, []).append(accumulator)
        return {
            packed.label: _merged(packed.combiner, accumulators[packed.keys[0]])
            for packed in operation.combiners
        }

    return (Deferred(merge),)


def _add_key(run: Run, operation: Any, value: Deferred) -> tuple[Deferred]:
    return (Deferred(lambda: (operation.key, value.get())),)


def _flatten(run: Run, operation: Any, *values: Deferred) -> tuple[Deferred]:
    return (Deferred(lambda: [value.get() for value in values]),)


def _outputs(run: Run, operation: Any, values: Deferred) -> tuple[Deferred, ...]:
    def output(index: int) -> Deferred:
        return Deferred(lambda: values.get()[index])

    return tuple(output(index) for index in range(operation.num_outputs))


def _count_tokens(run: Run, operation: Any, columns: _Columns) -> tuple[Deferred]:
    add = vocabulary.adder(operation)
    if add is None:
        raise Unsupported(f"a vocabulary by {operation.vocab_ordering_type}")
    return (columns.phase.accumulate(_Sink({}, add, columns.select), lambda counts: counts),)


def _merge_tokens(run: Run, operation: Any, counts: Deferred) -> tuple[Deferred]:
    return (Deferred(lambda: [(count, token) for token, count in counts.get().items()]),)


def _prune(run: Run, operation: Any, counts: Deferred) -> tuple[Deferred]:
    if operation.key_fn is not None:
        raise Unsupported("a vocabulary with key_fn")
    return (Deferred(lambda: vocabulary.prune(operation, counts.get())),)


def _vocabulary_size(run: Run, operation: Any, counts: Deferred) -> tuple[Deferred]:
    return (Deferred(lambda: vocabulary.size(counts.get())),)


def _write(run: Run, operation: Any, counts: Deferred, *reserved: Deferred) -> tuple[Deferred]:
    if reserved:
        raise Unsupported("a vocabulary with reserved tokens")

    def write() -> Any:
        run.vocabularies[operation.vocab_filename] = observed.counted(counts.get())
        return vocabulary.write(operation, counts.get(), run.temporary)

    return (Deferred(write),)


_HANDLERS: dict[type, Callable[..., tuple[Any, ...]]] = {
    beam_nodes.CreateSavedModel: _saved_model,
    beam_nodes.CreateTensorBinding: _binding,
    beam_nodes.ExtractInputForSavedModel: _input,
    beam_nodes.ApplySavedModel: _apply,
    beam_nodes.ExtractFromDict: _extract,
    beam_nodes.Flatten: _flatten,
    analyzer_nodes.AddKey: _add_key,
    analyzer_nodes.CacheableCombineAccumulate: _accumulate,
    analyzer_nodes.CacheableCombineMerge: _merge,
    analyzer_nodes.PackedCombineAccumulate: _accumulate_packed,
    analyzer_nodes.PackedCombineMerge: _merge_packed,
    analyzer_nodes.ExtractCombineMergeOutputs: _outputs,
    analyzer_nodes.ExtractPackedCombineMergeOutputs: _outputs,
    analyzer_nodes.VocabularyAccumulate: _count_tokens,
    analyzer_nodes.VocabularyMerge: _merge_tokens,
    analyzer_nodes.VocabularyPrune: _prune,
    analyzer_nodes.VocabularyCount: _vocabulary_size,
    analyzer_nodes.VocabularyOrderAndWrite: _write,
}
