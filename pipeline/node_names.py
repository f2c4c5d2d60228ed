"""The ids of nodes: in the order of the DAG, and which of them a pipeline may do without; imports nothing."""

from __future__ import annotations

NODES = (
    "ExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "last_span_statistics",
    "evaluated_model",
    "ExampleValidator",
    "Transform",
    "WordPairs",
    "Tuner",
    "warm_start_model",
    "Trainer",
    "latest_blessed_model",
    "Evaluator",
    "former_attributions",
    "Attributions",
    "ServingCheck",
    "ModelOptimizer",
    "Pusher",
)
EVALUATION_NODES = ("ExampleGen", "StatisticsGen", "ExampleValidator", "Evaluator")
"""Those of an evaluation on unseen data."""
RESOLVERS = frozenset(
    {
        "last_span_statistics",
        "evaluated_model",
        "warm_start_model",
        "latest_blessed_model",
        "former_attributions",
    }
)
"""They find artifacts of earlier runs, and make none."""
OPTIONAL = RESOLVERS | {"WordPairs", "Tuner", "Attributions", "ServingCheck", "ModelOptimizer"}
"""They are told of only where they ran."""
