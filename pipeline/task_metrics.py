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
