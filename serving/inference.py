"""Names of a request -> tensors of the model, one run, and the answers by name again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol
from weakref import WeakKeyDictionary

import grpc
import numpy as np
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from serving import tensors
from serving.errors import ServingError, failed_precondition, invalid_argument
from serving.servable import Runner

DEFAULT_SIGNATURE = "serving_default"
PREDICT_METHOD = "tensorflow/serving/predict"
CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"

_method_name_check = False


class Served(Protocol):
    """A version of a model that a request was given to; `ModelManager.use` hands it out."""

    name: str
    version: int
    signatures: Mapping[str, SignatureDef]
    runner: Runner


def check_method_names(check: bool) -> None:
    """Whether a signature answers only the API that its method name says (off, as in TF Serving)."""
    global _method_name_check
    _method_name_check = check


def method_names_are_checked() -> bool:
    """What `check_method_names` was last told."""
    return _method_name_check


class Plan:
    """What answering one signature needs to know, looked up once per served version.

    `feeds`: input name -> tensor name, `fetches`: output name -> tensor name, both by name;
    `kinds`: input name -> DataType (0: unknown); `positions`: place of an input in the model's call.
    """

    def __init__(self, signature: SignatureDef) -> None:
        self.method_name = signature.method_name
        self.feeds = {alias: signature.inputs[alias].name for alias in sorted(signature.inputs)}
        self.fetches = {alias: signature.outputs[alias].name for alias in sorted(signature.outputs)}
        self.kinds = {alias: signature.inputs[alias].dtype for alias in self.feeds}
        self.defaults = {
            alias: _default(alias, proto)
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
            sent = tensors.kind_of(array)
        except tensors.BadTensor:
            raise invalid_argument(f"tensor parsing error: {alias}") from None
        if sent.enum != expected:
            raise invalid_argument(
                f"Expects arg[{self.positions[alias]}] to be {tensors.dtype_name(expected)} "
                f"but {sent.name} is provided"
            )


_plans: WeakKeyDictionary[Runner, dict[str, Plan]] = WeakKeyDictionary()


def plan_of(served: Served, signature_name: str) -> Plan:
    """The plan of a signature that the model has; plans live as long as the served version."""
    plans = _plans.get(served.runner)
    if plans is None:
        plans = _plans[served.runner] = {}
    plan = plans.get(signature_name)
    if plan is None:
        plan = plans[signature_name] = Plan(served.signatures[signature_name])
    return plan


def predict_plan(served: Served, signature_name: str) -> Plan:
    """The plan of a Predict; FAILED_PRECONDITION when the model has no such signature."""
    name = signature_name or DEFAULT_SIGNATURE
    if name not in served.signatures:
        raise failed_precondition(f'Serving signature key "{name}" not found.')
    plan = plan_of(served, name)
    if _method_name_check and plan.method_name not in (PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD):
        raise ServingError(
            grpc.StatusCode.INTERNAL,
            "Expected prediction signature method_name to be one of "
            f"{{{PREDICT_METHOD}, {CLASSIFY_METHOD}, {REGRESS_METHOD}}}. Was: {plan.method_name}",
        )
    return plan


async def predict_arrays(
    served: Served,
    signature_name: str,
    inputs: Mapping[str, np.ndarray],
    output_filter: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Runs one signature ("" is `serving_default`) on arrays by input name; the answers by output name.

    Strings are object arrays of bytes, in and out. Shapes are the model's own business: TensorFlow's
    error for a wrong one is passed on, as TF Serving does. Outputs come in the order of the filter, or
    of their names. Raises ServingError with TF Serving's codes and messages.
    """
    plan = predict_plan(served, signature_name)
    plan.check_inputs(inputs)
    return await run_plan(served.runner, plan, inputs, output_filter)


async def run_plan(
    runner: Runner, plan: Plan, inputs: Mapping[str, np.ndarray], output_filter: Sequence[str]
) -> dict[str, np.ndarray]:
    """The run itself, once the names of the inputs have been checked."""
    chosen = plan.chosen(output_filter)
    answers = await runner.run(plan.feeds_of(inputs), list(chosen.values()))
    if len(answers) != len(chosen):
        raise ServingError(grpc.StatusCode.UNKNOWN, "Predict internal error")
    return dict(zip(chosen, answers, strict=True))


def _default(alias: str, proto: object) -> np.ndarray:
    try:
        return tensors.from_proto(proto)
    except tensors.BadTensor:
        raise invalid_argument(f"tensor parsing error: {alias}") from None


def _names(names: Iterable[str]) -> str:
    return ",".join(sorted(names))
