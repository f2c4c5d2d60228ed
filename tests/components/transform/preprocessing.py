"""Preprocessing functions of the tests: many analyzers, none, and bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from common.errors import BadInput

Tensors = dict[str, Any]


def _dense(tensor: Any, default: Any) -> tf.Tensor:
    # One wide also in a batch without a value, whose own shape is [rows, 0].
    one_wide = tf.SparseTensor(tensor.indices, tensor.values, [tensor.dense_shape[0], 1])
    return tf.reshape(tf.sparse.to_dense(tf.sparse.reorder(one_wide), default), [-1])


def many_analyzers(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> Tensors:
    fare = _dense(inputs["fare"], 0.0)
    miles = _dense(inputs["trip_miles"], 0.0)
    company = _dense(inputs["company"], "")
    payment = _dense(inputs["payment_type"], "")
    spread = tft.sum(tf.abs(tft.scale_to_z_score(fare)))
    return {
        "fare_z": tft.scale_to_z_score(fare),
        "fare_01": tft.scale_to_0_1(fare),
        "fare_share": tf.abs(fare - tft.mean(fare)) / spread,
        "miles_bucket": tft.bucketize(miles, custom_config["buckets"]),
        "company": tft.compute_and_apply_vocabulary(
            company, top_k=20, num_oov_buckets=1, vocab_filename="company"
        ),
        "payment": tft.compute_and_apply_vocabulary(payment, frequency_threshold=5, vocab_filename="payment"),
        "by_weight": tft.apply_vocabulary(
            payment, tft.vocabulary(payment, weights=tf.zeros_like(fare), vocab_filename="by_weight")
        ),
        "words": tf.strings.split(company).to_sparse(),
        "raw": inputs["payment_type"],
    }


def no_analyzer(inputs: Mapping[str, Any]) -> Tensors:
    return {"fare": _dense(inputs["fare"], 0.0) * 2}


def wrong_column(inputs: Mapping[str, Any]) -> Tensors:
    return {"x": inputs["no_such_column"]}


def bad_input(inputs: Mapping[str, Any]) -> Tensors:
    raise BadInput("fare: what is wrong with it")


def fails_on_data(inputs: Mapping[str, Any]) -> Tensors:
    fare = _dense(inputs["fare"], 0.0)
    with tf.control_dependencies([tf.debugging.assert_less(fare, 10.0, "fare is too high")]):
        return {"fare": tf.identity(fare) - tft.mean(fare)}


def beam_only(inputs: Mapping[str, Any]) -> Tensors:
    fare = _dense(inputs["fare"], 0.0)
    payment = _dense(inputs["payment_type"], "")
    return {"fare": tft.scale_to_z_score_per_key(fare, payment), "payment": payment}


def empty_vocabulary(inputs: Mapping[str, Any]) -> Tensors:
    company = _dense(inputs["company"], "")
    hours = tf.strings.as_string(_dense(inputs["trip_start_hour"], tf.constant(-1, tf.int64)))
    return {
        "none": tft.compute_and_apply_vocabulary(company, frequency_threshold=100_000, vocab_filename="none"),
        "hours": tft.compute_and_apply_vocabulary(
            hours, vocab_filename="hours", fingerprint_shuffle=True, store_frequency=True
        ),
        "numbers": tft.compute_and_apply_vocabulary(
            _dense(inputs["trip_start_day"], tf.constant(-1, tf.int64)), top_k=3, vocab_filename="numbers"
        ),
        "zipped": tft.compute_and_apply_vocabulary(
            hours, vocab_filename="zipped", file_format="tfrecord_gzip"
        ),
    }
