from __future__ import annotations

import pytest

from serving.options import ServerOptions, ignored_flags, parse_options

MODEL = "--model_base_path=/models/m"


def test_defaults_are_tf_servings():
    options = parse_options([MODEL])
    assert options == ServerOptions(model_base_path="/models/m")
    assert (options.port, options.rest_api_port, options.model_name) == (8500, 8501, "default")
    assert (options.max_num_load_retries, options.load_retry_interval_micros) == (5, 60_000_000)
    assert options.file_system_poll_wait_seconds == 1
    assert options.rest_api_timeout_in_ms == 30_000
    assert options.host == "localhost"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--enable_batching"], True),
        (["--enable_batching=true"], True),
        (["--enable_batching=1"], True),
        (["--enable_batching=false"], False),
        (["--enable_batching", "--port=7"], True),
        ([], False),
    ],
)
def test_a_boolean_stands_alone_or_with_a_value(flags: list[str], expected: bool):
    assert parse_options([MODEL, *flags]).enable_batching is expected


def test_the_older_name_of_the_tflite_flag():
    assert parse_options([MODEL, "--use_tflite_model=true"]).prefer_tflite_model is True
    assert parse_options([MODEL]).prefer_tflite_model is False


def test_session_parallelism_sets_both_kinds_of_threads():
    options = parse_options(
        [MODEL, "--tensorflow_session_parallelism=3", "--tensorflow_intra_op_parallelism=1"]
    )
    assert (options.intra_op_threads, options.inter_op_threads) == (3, 3)
    options = parse_options([MODEL, "--tensorflow_intra_op_parallelism=1"])
    assert (options.intra_op_threads, options.inter_op_threads) == (1, 0)


def test_flags_without_effect_are_taken_and_named():
    flags = [MODEL, "--flush_filesystem_caches=false", "--rest_api_num_threads=8", "--enable_profiler"]
    parse_options(flags)
    assert ignored_flags(flags) == [
        "--flush_filesystem_caches has no effect",
        "--rest_api_num_threads has no effect: one event loop serves all connections",
        "--enable_profiler has no effect: TensorFlow's profiler is not served",
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "give --model_base_path (with --model_name), or --model_config_file"),
        (
            [MODEL, "--ssl_config_file=tls.conf"],
            "--ssl_config_file is not supported by this server: end TLS in a proxy",
        ),
        ([MODEL, "--use_alts_credentials=true"], "--use_alts_credentials is not supported"),
        ([MODEL, "--port=0", "--rest_api_port=0"], "nothing would be served"),
        ([MODEL, "--port=9", "--rest_api_port=9"], "--port and --rest_api_port are both 9"),
        ([MODEL, "--port=70000"], "--port=70000 is no port"),
        ([MODEL, "--port=x"], "argument --port: invalid int value: 'x'"),
        ([MODEL, "--enable_batching=maybe"], "'maybe' is neither true nor false"),
        ([MODEL, "--batching_parameters_file=b.txt"], "--batching_parameters_file needs --enable_batching"),
        ([MODEL, "--rest_api_timeout_in_ms=0"], "--rest_api_timeout_in_ms=0: it has to be positive"),
        ([MODEL, "--num_load_threads=-1"], "--num_load_threads=-1: it cannot be negative"),
        ([MODEL, "--no_such_flag=1"], "unrecognized arguments: --no_such_flag=1"),
    ],
)
def test_wrong_flags_end_with_one_clear_line(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as error:
        parse_options(flags)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_a_refused_flag_that_asks_for_nothing_is_no_error():
    assert parse_options([MODEL, "--use_alts_credentials=false", "--platform_config_file="]).port == 8500
