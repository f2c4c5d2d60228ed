"""What the module_files of the stock pipelines share; TFX packs it with them, as it lies beside them."""

import tensorflow as tf
from tfx_bsl.public import tfxio


def name(key):
    return key + "_xf"


def dense(x):
    if not isinstance(x, tf.SparseTensor):
        return x
    default = "" if x.dtype == tf.string else 0
    return tf.squeeze(
        tf.sparse.to_dense(tf.SparseTensor(x.indices, x.values, [x.dense_shape[0], 1]), default), axis=1
    )


def dataset(files, accessor, graph, label, batch_size, repeat):
    options = tfxio.TensorFlowDatasetOptions(batch_size=batch_size, label_key=name(label), num_epochs=repeat)
    return accessor.tf_dataset_factory(files, options, graph.transformed_metadata.schema)


def save(model, graph, label, folder):
    """Saves the model with preprocessing inside."""
    layer = graph.transform_features_layer()
    model.tft_layer = layer
    spec = graph.raw_feature_spec()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples):
        features = tf.io.parse_example(examples, {k: v for k, v in spec.items() if k != label})
        transformed = layer(features)
        transformed.pop(name(label), None)
        return {"outputs": model({key: tf.reshape(value, [-1, 1]) for key, value in transformed.items()})}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform(examples):
        return layer(tf.io.parse_example(examples, spec))

    tf.saved_model.save(model, folder, signatures={"serving_default": serve, "transform_features": transform})
