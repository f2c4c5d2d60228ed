"""What answering a signature needs to know, looked up once per served version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from serving.errors import invalid_argument
from serving.servable import Runner
from serving.tensor_kinds import BadTensor, dtype_name, kind_of
from serving.tensors import from_proto


class Plan:
    """One signature, by the names that requests use.

    `feeds`: input name -> tensor name, `fetches`: output name -> tensor name, both in order of the names;
    `kinds`: input name -> DataType (0: unknown); `positions`: place of an input in the model's call.
    """

    def __init__(self, signature: SignatureDef) -> None:
        self.method_name = signature.method_name
        self.feeds = {alias: signature.inputs[alias].name for alias in sorted(signature.inputs)}
        self.fetches = {alias: signature.outputs[alias].name for alias in sorted(signature.outputs)}
        self.kinds = {alias: signature.inputs[alias].dtype for alias in self.feeds}
        self.defaults = {
            alias: array_of(alias, proto)
            for alias, proto in signature.defaults.items()
            if alias in self.feeds
        }
        order = sorted(self.feeds.values())
        self.positions = {alias: order.index(name) for alias, name in self.feeds.items()}

    def check_inputs(self, sent: Collection[str]) -> None:
        """Raises INVALID_ARGUMENT unless the names are those of the signature, less those with a default."""
        if len(sent) > len(self.feeds) or (len(sent) < len(self.feeds) and not self.defaults):
            raise invalid_argument(
                f"input size does not match signature: {len(sent)}!={len(self.feeds)} "
                f"len({{{_names(sent)}}}) != len({{{_names(self.feeds)}}}). "
                f"Sent extra: {{{_names(set(sent) - set(self.feeds))}}}. "
                f"Missing but required: {{{_names(set(self.feeds) - set(sent))}}}."
            )
        for alias, name in self.feeds.items():
            if alias not in sent and alias not in self.defaults:
                raise invalid_argument(
                    f"Signature input alias: {alias}(feed name: {name}) not found in request and no default "
                    f"value provided. Inputs expected to be in the request {{{_names(sent)}}}, or default "
                    f"input alias set: {_names(self.defaults)}"
                )
        used = [alias for alias in sent if alias in self.feeds]
        if len(used) != len(sent):
            raise invalid_argument(
                f"Inputs contains invalid name. Used request inputs: {_names(used)}, "
                f"request input: {_names(sent)}"
            )

    def chosen(self, output_filter: Sequence[str]) -> Mapping[str, str]:
        """Output name -> tensor name of the outputs that were asked for (none named: all)."""
        if not output_filter:
            return self.fetches
        chosen: dict[str, str] = {}
        for alias in output_filter:
            if alias not in self.fetches:
                raise invalid_argument(
                    f"output tensor alias not found in signature: {alias} "
                    f"Outputs expected to be in the set {{{_names(self.fetches)}}}."
                )
            if alias in chosen:
                raise invalid_argument(f"duplicate output tensor alias: {alias}")
            chosen[alias] = self.fetches[alias]
        return chosen

    def feeds_of(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Tensor name -> value, each of the dtype that the signature names; defaults fill the gaps."""
        feeds = {}
        for alias, name in self.feeds.items():
            array = inputs.get(alias)
            if array is None:
                array = self.defaults[alias]
            elif self.kinds[alias]:
                self._check_dtype(alias, array)
            feeds[name] = array
        return feeds

    def _check_dtype(self, alias: str, array: np.ndarray) -> None:
        expected = self.kinds[alias]
        try:
            sent = kind_of(array)
        except BadTensor:
            raise invalid_argument(f"tensor parsing error: {alias}") from None
        if sent.enum != expected:
            raise invalid_argument(
                f"Expects arg[{self.positions[alias]}] to be {dtype_name(expected)} "
                f"but {sent.name} is provided"
            )


_plans: WeakKeyDictionary[Runner, dict[str, Plan]] = WeakKeyDictionary()


def plan_of(runner: Runner, signatures: Mapping[str, SignatureDef], name: str) -> Plan:
    """The plan of a signature that the model has; plans live as long as the version's runner."""
    plans = _plans.get(runner)
    if plans is None:
        plans = _plans[runner] = {}
    plan = plans.get(name)
    if plan is None:
        plan = plans[name] = Plan(signatures[name])
    return plan


def array_of(alias: str, proto: TensorProto) -> np.ndarray:
    """The tensor that was sent, or is the default, for an input. Raises INVALID_ARGUMENT."""
    try:
        return from_proto(proto)
    except BadTensor:
        raise invalid_argument(f"tensor parsing error: {alias}") from None


def _names(names: Iterable[str]) -> str:
    return ",".join(sorted(names))
