"""The server's flags: TF Serving's own names, defaults and meanings, as one frozen dataclass."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from importlib.metadata import version
from typing import Any

# Flags of TF Serving that mean nothing in this server, so that a command line written for it still works.
WITHOUT_EFFECT = {
    "enable_profiler": "TensorFlow's profiler is not served",
    "flush_filesystem_caches": "",
    "grpc_max_threads": "one event loop serves all connections",
    "num_unload_threads": "",
    "per_process_gpu_memory_fraction": "this server runs on the CPU",
    "remove_unused_fields_from_bundle_metagraph": "",
    "rest_api_num_threads": "one event loop serves all connections",
    "skip_initialize_tpu": "this server runs on the CPU",
    "xla_cpu_compilation_enabled": "",
}

# Ignoring one of these would leave a server less safe or otherwise configured than its owner believes.
REFUSED = {
    "enable_per_model_batching_parameters": "--batching_parameters_file holds for all models here",
    "platform_config_file": "set the flags that it would replace",
    "ssl_config_file": "end TLS in a proxy before this server",
    "tensorflow_session_config_file": "use --tensorflow_intra_op_parallelism and --tensorflow_inter_op_parallelism",
    "thread_pool_factory_config_file": "use --tensorflow_intra_op_parallelism and --tensorflow_inter_op_parallelism",
    "use_alts_credentials": "end TLS in a proxy before this server",
}


def flag(default: Any, text: str) -> Any:
    """A field of ServerOptions with its line of help."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class ServerOptions:
    """One field per flag. Seconds, milliseconds and microseconds as the names say; 0 and negative as TF Serving reads them."""

    host: str = flag(
        "localhost", "interface to listen on; 0.0.0.0 for every one (TF Serving always takes every one)"
    )
    port: int = flag(8500, "port of the gRPC API; 0 turns it off")
    grpc_socket_path: str = flag("", "UNIX socket on which the gRPC API listens too")
    rest_api_port: int = flag(8501, "port of the REST API; 0 turns it off")
    rest_api_timeout_in_ms: int = flag(30_000, "time that a REST call may take")
    rest_api_max_body_mb: int = flag(256, "largest body of a REST call, unpacked")
    grpc_channel_arguments: str = flag("", "key=value,... for gRPC, e.g. grpc.max_connection_age_ms=2000")

    model_name: str = flag("default", "name of the model (not with --model_config_file)")
    model_base_path: str = flag(
        "", "folder, or s3://, gs://, hdfs://..., with a folder per version (not with --model_config_file)"
    )
    model_config_file: str = flag("", "ModelServerConfig as protobuf text: several models, policies, labels")
    model_config_file_poll_wait_seconds: int = flag(
        0, "time between two looks at --model_config_file; 0: read once"
    )
    file_system_poll_wait_seconds: int = flag(
        1, "time between two looks for new versions; 0: only at the start; negative: never"
    )
    allow_version_labels_for_unavailable_models: bool = flag(
        False, "a new label may name a version that is not loaded yet"
    )
    force_allow_any_version_labels_for_unavailable_models: bool = flag(
        False, "any label, also one in use, may name a version that is not loaded yet"
    )
    num_load_threads: int = flag(0, "versions loaded at once; 0: one")
    max_num_load_retries: int = flag(5, "attempts after the first to load a version")
    load_retry_interval_micros: int = flag(60_000_000, "time between two attempts to load a version")
    saved_model_tags: str = flag("serve", "comma-separated tags of the meta graph to load")
    enable_model_warmup: bool = flag(True, "replay assets.extra/tf_serving_warmup_requests before serving")
    num_request_iterations_for_warmup: int = flag(0, "how often each warm-up request is replayed; 0: once")
    prefer_tflite_model: bool = flag(False, "load model.tflite where a version has it")
    num_tflite_pools: int = flag(0, "interpreters per TFLite model; 0: one per CPU")
    num_tflite_interpreters_per_pool: int = flag(1, "multiplies --num_tflite_pools")

    enable_batching: bool = flag(False, "gather requests into batches")
    batching_parameters_file: str = flag("", "BatchingParameters as protobuf text")
    monitoring_config_file: str = flag("", "MonitoringConfig as protobuf text")
    access_log: bool = flag(True, "log a JSON line per request, without its payload")

    tensorflow_session_parallelism: int = flag(0, "sets the next two at once; 0: TensorFlow decides")
    tensorflow_intra_op_parallelism: int = flag(0, "threads inside one operation; 0: TensorFlow decides")
    tensorflow_inter_op_parallelism: int = flag(0, "operations at once; 0: TensorFlow decides")
    enable_signature_method_name_check: bool = flag(
        False, "classify and regress take only signatures that were exported for them"
    )
    enable_serialization_as_tensor_content: bool = flag(
        False, "gRPC answers in tensor_content, not in *_val fields"
    )

    @property
    def intra_op_threads(self) -> int:
        """Threads inside one operation, 0 for TensorFlow's choice."""
        return self.tensorflow_session_parallelism or self.tensorflow_intra_op_parallelism

    @property
    def inter_op_threads(self) -> int:
        """Operations that run at once, 0 for TensorFlow's choice."""
        return self.tensorflow_session_parallelism or self.tensorflow_inter_op_parallelism

    @property
    def tflite_interpreters(self) -> int:
        """Interpreters per TFLite model."""
        return (self.num_tflite_pools or os.cpu_count() or 1) * self.num_tflite_interpreters_per_pool


def boolean(text: str) -> bool:
    """`true`, `false`, `1` or `0`, as TensorFlow's flags take them. Raises ArgumentTypeError."""
    values = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return values[text.lower()]


SWITCH: dict[str, Any] = {"type": boolean, "nargs": "?", "const": True, "metavar": "true|false"}


def parse_options(arguments: Sequence[str]) -> ServerOptions:
    """The options of a command line. Wrong flags end the process with a line on stderr and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.server",
        usage="%(prog)s --model_name=NAME --model_base_path=FOLDER [more flags: --help]",
        description="Serve SavedModels and TFLite models as TensorFlow Serving does.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    for each in fields(ServerOptions):
        add_flag(parser, each)
    older_name: dict[str, Any] = {
        "dest": "prefer_tflite_model",
        "default": argparse.SUPPRESS,
        "help": argparse.SUPPRESS,
    }
    parser.add_argument("--use_tflite_model", **older_name, **SWITCH)
    parser.add_argument("--version", action="version", version=f"mlpipe {version('mlpipe')}")
    for name in (*WITHOUT_EFFECT, *REFUSED):
        parser.add_argument(f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS)
    given = vars(parser.parse_args(arguments))
    _check(parser, given)
    return ServerOptions(**{each.name: given[each.name] for each in fields(ServerOptions)})


def ignored_flags(arguments: Sequence[str]) -> list[str]:
    """The given flags that have no effect here, each with the reason where there is one."""
    names = (argument.lstrip("-").partition("=")[0] for argument in arguments if argument.startswith("--"))
    return [
        f"--{name} has no effect: {WITHOUT_EFFECT[name]}".rstrip(": ")
        for name in names
        if name in WITHOUT_EFFECT
    ]


def add_flag(parser: argparse.ArgumentParser, option: Field[Any]) -> None:
    """Declares one field of ServerOptions; booleans may stand alone (`--enable_batching`) or with a value."""
    assert option.default is not MISSING
    kind = type(option.default)
    how: dict[str, Any] = SWITCH if kind is bool else {"type": kind}
    parser.add_argument(f"--{option.name}", default=option.default, help=option.metadata["help"], **how)


def _check(parser: argparse.ArgumentParser, given: dict[str, Any]) -> None:
    for name, mend in REFUSED.items():
        if given[name] not in (None, "", "false", "0"):
            parser.error(f"--{name} is not supported by this server: {mend}")
    if not given["model_config_file"] and not given["model_base_path"]:
        parser.error("give --model_base_path (with --model_name), or --model_config_file")
    if not (given["port"] or given["rest_api_port"] or given["grpc_socket_path"]):
        parser.error("--port and --rest_api_port are both 0: nothing would be served")
    if given["port"] and given["port"] == given["rest_api_port"]:
        parser.error(f"--port and --rest_api_port are both {given['port']}: give each its own")
    for name in ("port", "rest_api_port"):
        if not 0 <= given[name] <= 65535:
            parser.error(f"--{name}={given[name]} is no port: 1 to 65535, or 0 to turn it off")
    if given["batching_parameters_file"] and not given["enable_batching"]:
        parser.error("--batching_parameters_file needs --enable_batching")
    for name in ("rest_api_timeout_in_ms", "rest_api_max_body_mb"):
        if given[name] <= 0:
            parser.error(f"--{name}={given[name]}: it has to be positive")
    if given["num_load_threads"] < 0:
        parser.error(f"--num_load_threads={given['num_load_threads']}: it cannot be negative")
