"""The metrics of each task; imports nothing."""

from __future__ import annotations

# metric -> is a higher value better
METRICS = {
    "binary": {
        "accuracy": True,
        "auc": True,
        "auc_precision_recall": True,
        "precision": True,
        "recall": True,
        "f1": True,
        "calibration_error": False,
        "loss": False,
    },
    "multiclass": {
        "accuracy": True,
        "top_3_accuracy": True,
        "top_5_accuracy": True,
        "precision": True,
        "recall": True,
        "f1": True,
        "calibration_error": False,
        "loss": False,
    },
    "regression": {"rmse": False, "mae": False, "mse": False},
    "language_model": {"perplexity": False},
    "translation": {"bleu": True, "exact_match": True, "perplexity": False},
    "tagging": {"entity_f1": True, "entity_precision": True, "entity_recall": True, "token_accuracy": True},
    "embedding": {"bits_gained": True, "perplexity": False, "unigram_perplexity": False},
}

SHARES = frozenset(
    {
        "accuracy",
        "top_3_accuracy",
        "top_5_accuracy",
        "auc",
        "auc_precision_recall",
        "precision",
        "recall",
        "f1",
        "calibration_error",
        "entity_f1",
        "entity_precision",
        "entity_recall",
        "token_accuracy",
    }
)
"""Metrics from 0 to 1."""
