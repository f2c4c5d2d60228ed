from __future__ import annotations

import resource
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto

from serving.tensor_kinds import KINDS, BadTensor, kind_of
from serving.tensors import FILL_LIMIT, fill_content, fill_proto, from_proto, is_slow, is_slow_to_fill

NUMBERS = [
    tf.float32, tf.float64, tf.float16, tf.bfloat16, tf.int8, tf.int16, tf.int32, tf.int64,
    tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.bool, tf.complex64, tf.complex128,
]  # fmt: skip
TINY = ["float8_e5m2", "float8_e4m3fn", "int4", "uint4"]


def proto(dtype: int, shape: list[int], **fields: object) -> TensorProto:
    made = TensorProto(dtype=dtype, **fields)
    made.tensor_shape.SetInParent()
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


def filled(array: np.ndarray) -> TensorProto:
    made = TensorProto()
    fill_proto(array, made)
    return made


def sample(dtype: tf.DType, count: int) -> np.ndarray:
    if dtype == tf.bool:
        return np.arange(count) % 3 == 0
    values = np.arange(count) % 100
    if dtype.is_complex:
        values = values - 1j * values
    elif not dtype.is_unsigned:
        values = values - 50
    return values.astype(dtype.as_numpy_dtype)


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (50, 40)])
def test_numbers_go_in_and_out_as_tensorflow_writes_them(dtype: tf.DType, shape: tuple[int, ...]):
    array = sample(dtype, int(np.prod(shape))).reshape(shape)
    written = filled(array)
    assert written.tensor_content == b""
    assert written.dtype == dtype.as_datatype_enum
    np.testing.assert_array_equal(tf.make_ndarray(written), array)
    for sent in (written, tf.make_tensor_proto(array)):
        read = from_proto(sent)
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)
        assert read.shape == shape


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda dtype: dtype.name)
def test_content_holds_the_same_numbers(dtype: tf.DType):
    array = sample(dtype, 6).reshape(2, 3)
    written = TensorProto()
    fill_content(array, written)
    assert written.tensor_content == array.tobytes()
    np.testing.assert_array_equal(from_proto(written), array)


@pytest.mark.parametrize("name", TINY)
def test_numbers_of_a_byte_and_less(name: str):
    array = np.array([1, 2, 3], tf.as_dtype(name).as_numpy_dtype)
    read = from_proto(filled(array))
    assert read.dtype == array.dtype
    assert read.tolist() == array.tolist()


def test_quantized_integers():
    enum = types_pb2.DT_QINT8
    read = from_proto(proto(enum, [2], int_val=[-1, 5]))
    assert read.dtype == tf.qint8.as_numpy_dtype
    assert filled(read).int_val == [-1, 5]
    assert filled(read).dtype == enum


def test_strings_are_bytes_of_any_kind():
    values = [b"", b"\x00\xff", "été".encode(), b"plain"]
    array = np.empty((2, 2), object)
    array[:] = [values[:2], values[2:]]
    written = filled(array)
    assert list(written.string_val) == values
    read = from_proto(written)
    assert read.dtype == object
    assert read.tolist() == array.tolist()
    assert from_proto(tf.make_tensor_proto(np.array(values, object))).tolist() == values


def test_text_arrays_become_strings():
    assert list(filled(np.array(["ab", "é"])).string_val) == [b"ab", "é".encode()]
    assert list(filled(np.array([b"ab", b"c"])).string_val) == [b"ab", b"c"]


def test_strings_in_tensor_content_are_lengths_and_bytes():
    long = b"x" * 300
    content = bytes([2, 0, 0xAC, 0x02]) + b"ab" + long
    assert from_proto(proto(types_pb2.DT_STRING, [3], tensor_content=content)).tolist() == [b"ab", b"", long]


def test_content_is_read_without_a_copy():
    sent = tf.make_tensor_proto(np.arange(1000, dtype=np.float32))
    assert not from_proto(sent).flags.owndata


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (proto(types_pb2.DT_FLOAT, [3], float_val=[2.0]), [2.0, 2.0, 2.0]),
        (proto(types_pb2.DT_FLOAT, [4], float_val=[1.0, 2.0]), [1.0, 2.0, 2.0, 2.0]),
        (proto(types_pb2.DT_FLOAT, [2], float_val=[1.0, 2.0, 3.0]), [1.0, 2.0]),
        (proto(types_pb2.DT_FLOAT, [2]), [0.0, 0.0]),
        (proto(types_pb2.DT_FLOAT, [], float_val=[7.0]), 7.0),
        (proto(types_pb2.DT_INT64, [3], int64_val=[2**62]), [2**62] * 3),
        (proto(types_pb2.DT_HALF, [2], half_val=[0x3C00]), [1.0, 1.0]),
        (proto(types_pb2.DT_BOOL, [2], bool_val=[True]), [True, True]),
        (proto(types_pb2.DT_STRING, [3], string_val=[b"a", b"b"]), [b"a", b"b", b"b"]),
        (proto(types_pb2.DT_STRING, [2]), [b"", b""]),
        (proto(types_pb2.DT_COMPLEX64, [3], scomplex_val=[1.0, 2.0, 3.0]), [1 + 2j] * 3),
        (proto(types_pb2.DT_UINT8, [2], int_val=[-1, 257]), [255, 1]),
        (proto(types_pb2.DT_INT8, [1], int_val=[200]), [-56]),
        (proto(types_pb2.DT_BOOL, [3], tensor_content=b"\0\1\2"), [False, True, True]),
    ],
)
def test_too_few_values_repeat_the_last_and_too_many_are_cut(sent: TensorProto, expected: object):
    assert from_proto(sent).tolist() == expected


@pytest.mark.parametrize("values", [100, 3000])
def test_many_packed_values_are_filled_up_and_cut(values: int):
    sent = np.arange(values, dtype=np.float32)
    longer = from_proto(proto(types_pb2.DT_FLOAT, [values + 5], float_val=sent.tolist()))
    assert longer.tolist() == [*sent.tolist(), *[values - 1.0] * 5]
    shorter = from_proto(proto(types_pb2.DT_FLOAT, [values - 7], float_val=sent.tolist()))
    assert shorter.tolist() == sent[:-7].tolist()


def test_packed_values_are_found_among_other_fields():
    """Fields of other dtypes, before and after on the wire, and fields that TensorProto does not know."""
    values = np.arange(500, dtype=np.float32)
    sent = proto(
        types_pb2.DT_FLOAT,
        [500],
        float_val=values.tolist(),
        half_val=[1, 2, 3],
        string_val=[b"x" * 99],
        uint64_val=[5] * 70,
        version_number=3,
    )
    sent.MergeFromString(b"\xa2\x06\x05hello")
    np.testing.assert_array_equal(from_proto(sent), values)
    assert sent.uint64_val[0] == 5


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 5)])
def test_empty_tensors_keep_their_shape(shape: tuple[int, ...]):
    for array in (np.zeros(shape, np.float32), np.zeros(shape, object)):
        written = filled(array)
        assert [dim.size for dim in written.tensor_shape.dim] == list(shape)
        assert from_proto(written).shape == shape


@pytest.mark.parametrize(
    "sent",
    [
        proto(types_pb2.DT_INVALID, [1], float_val=[1.0]),
        proto(types_pb2.DT_RESOURCE, [1]),
        proto(types_pb2.DT_VARIANT, [1]),
        proto(types_pb2.DT_FLOAT_REF, [1], float_val=[1.0]),
        proto(9999, [1], float_val=[1.0]),
        proto(9999, [0]),
        proto(types_pb2.DT_FLOAT, [-1], float_val=[1.0]),
        proto(types_pb2.DT_FLOAT, [-1, -1], float_val=[1.0]),
        proto(types_pb2.DT_FLOAT, [2**62, 2**62], float_val=[1.0]),
        proto(types_pb2.DT_FLOAT, [2**62, 2**62, 0]),
        proto(types_pb2.DT_FLOAT, [2**40]),
        proto(types_pb2.DT_FLOAT, [2**40], float_val=[1.0]),
        proto(types_pb2.DT_STRING, [2**40]),
        proto(types_pb2.DT_STRING, [2**40], string_val=[b"a"]),
        proto(types_pb2.DT_STRING, [2**40], tensor_content=b"\1a"),
        proto(types_pb2.DT_FLOAT, [2**40], tensor_content=b"\0\0\0\0"),
        proto(types_pb2.DT_FLOAT, [1] * 65, float_val=[1.0]),
        proto(types_pb2.DT_FLOAT, [1] * 100_000, float_val=[1.0]),
        proto(types_pb2.DT_FLOAT, [3], tensor_content=b"\0\0\0\0\0"),
        proto(types_pb2.DT_FLOAT, [1], tensor_content=b"\0\0\0\0\0\0\0\0"),
        proto(types_pb2.DT_STRING, [1], tensor_content=b"\5abc"),
        proto(types_pb2.DT_STRING, [1], tensor_content=b"\xff\xff\xff\xff\xff\xff\xff"),
        proto(types_pb2.DT_STRING, [3], tensor_content=b"\1\1\1"),
        proto(types_pb2.DT_STRING, [2], tensor_content=b"\x80\x80"),
    ],
)
def test_hostile_protos_are_refused_at_once(sent: TensorProto):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.thread_time()
    with pytest.raises(BadTensor):
        from_proto(sent)
    assert time.thread_time() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_shape_of_unknown_rank_is_refused():
    sent = TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1.0])
    sent.tensor_shape.unknown_rank = True
    with pytest.raises(BadTensor):
        from_proto(sent)


def test_what_may_be_filled_up_is_bounded():
    most = FILL_LIMIT // 4
    assert from_proto(proto(types_pb2.DT_FLOAT, [most], float_val=[1.0])).size == most
    with pytest.raises(BadTensor):
        from_proto(proto(types_pb2.DT_FLOAT, [most + 2], float_val=[1.0]))


def test_values_that_are_handled_one_by_one_are_slow_sooner():
    many = list(range(20_000))
    assert is_slow(proto(types_pb2.DT_INT64, [20_000], int64_val=many))
    assert not is_slow(proto(types_pb2.DT_FLOAT, [20_000], float_val=many))
    assert not is_slow(proto(types_pb2.DT_INT64, [20_000], tensor_content=bytes(160_000)))
    assert not is_slow(proto(9999, [1]))
    for dtype, few, enough in (
        (np.float32, 20_000, 1_100_000),
        (np.int64, 10_000, 20_000),
        (object, 9, 20_000),
    ):
        assert not is_slow_to_fill(np.zeros(few, dtype))
        assert is_slow_to_fill(np.zeros(enough, dtype))


def test_every_kind_is_found_by_its_array():
    for kind in KINDS.values():
        assert kind_of(np.zeros(1, kind.dtype)) is kind
    with pytest.raises(BadTensor, match="datetime64"):
        kind_of(np.zeros(1, "datetime64[s]"))
