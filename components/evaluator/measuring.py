"""One pass over the examples: TFMA's metrics and validation, and the findings beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_model_analysis.extractors import unbatch_extractor
from tfx import types
from tfx.components.util import tfxio_utils
from tfx.types import artifact_utils
from tfx.utils import io_utils
from tfx_bsl.tfxio import tensor_adapter

from components.evaluator import buckets, findings
from components.evaluator.buckets import Bucket
from components.evaluator.findings import Answers

# TFMA imports our metrics by their names; imported here, they are code that the Evaluator's cache key is made of.
from components.evaluator import bits_gained as _bits_gained  # isort: skip  # noqa: F401
from components.evaluator import bleu as _bleu  # isort: skip  # noqa: F401
from components.evaluator import entities as _entities  # isort: skip  # noqa: F401
from components.evaluator import metrics as _metrics  # isort: skip  # noqa: F401
from components.evaluator import perplexity as _perplexity  # isort: skip  # noqa: F401

_TELEMETRY = ("Evaluator",)


def measure(
    pipeline: beam.Pipeline,
    examples: Sequence[types.Artifact],
    splits: Sequence[str],
    schema: schema_pb2.Schema,
    eval_config: tfma.EvalConfig,
    models: Mapping[str, str],
    named: Mapping[str, Bucket],
    answers: Answers,
) -> None:
    """Adds the pass to a Beam pipeline; results go to `answers.folder`.

    Args:
      pipeline: what is added to.
      examples: Examples artifacts, untransformed.
      splits: those that are measured.
      schema: of the examples.
      eval_config: complete: with the baseline's model spec, if there is a baseline.
      models: name of a model spec -> SavedModel.
      named: column -> the buckets that its slices are.
      answers: the candidate's answers, and what becomes of them.
    """
    shared = [
        tfma.default_eval_shared_model(models[spec.name], model_name=spec.name, eval_config=eval_config)
        for spec in eval_config.model_specs
    ]
    make_tfxio = tfxio_utils.get_tfxio_factory_from_artifact(
        examples, list(_TELEMETRY), schema, raw_record_column_name=tfma.ARROW_INPUT_COLUMN
    )
    sources = {
        f"{split}-{index}": make_tfxio(io_utils.all_files_pattern(uri))
        for split in splits
        for index, uri in enumerate(artifact_utils.get_split_uris(list(examples), split))
    }
    adapter = None
    for source in sources.values():
        adapter = tensor_adapter.TensorAdapterConfig(source.ArrowSchema(), source.TensorRepresentations())
    model: Any = shared[0] if len(shared) == 1 else shared
    extractors = tfma.default_extractors(
        eval_shared_model=model, eval_config=eval_config, tensor_adapter_config=adapter
    )
    before_unbatching = [e.stage_name for e in extractors].index(
        unbatch_extractor.UNBATCH_EXTRACTOR_STAGE_NAME
    )
    ours = [findings.extractor(answers)]
    if named:
        ours.append(buckets.extractor(named))
    extractors[before_unbatching:before_unbatching] = ours
    _ = (
        [pipeline | f"Read[{name}]" >> source.BeamSource() for name, source in sources.items()]
        | beam.Flatten()
        | tfma.ExtractEvaluateAndWriteResults(
            eval_shared_model=model,
            eval_config=eval_config,
            extractors=extractors,
            output_path=answers.folder,
            tensor_adapter_config=adapter,
            schema=schema,
        )
    )
