"""Names that the component shares with its configuration, the gate and the summary; imports nothing heavy."""

from typing import Literal, get_args

Form = Literal["float32", "float16", "dynamic", "int8"]
FORMS: tuple[Form, ...] = get_args(Form)

REPORT = "optimized.json"
MODEL = "model.tflite"
LABELS = "labels.txt"
METADATA = "metadata.json"

KEPT = "kept"
"""Custom property of the artifact: the forms that are in it, separated by commas."""
