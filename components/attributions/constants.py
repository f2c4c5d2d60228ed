"""Names that the component shares with its configuration, the gate and the report; imports nothing heavy."""

REPORT = "attributions.json"
PICTURES = "pictures"
"""Folder of the attributions of images, as pictures."""
MODEL_ID = "model_id"
"""Custom property of the artifact: id of the Model."""
OVERALL = "overall"
TASKS = ("binary", "multiclass", "regression")
EXPLAINED = "explained"
"""Attribute of a SavedModel: from examples to what can be differentiated, and from there to answers."""
