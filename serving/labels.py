"""Version labels: names for versions, so that clients can ask for `stable` and `canary`."""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from serving.errors import failed_precondition, invalid_argument


class Labels:
    """Model name -> label -> version.

    A label may only name a version that answers; with `allow_for_unavailable` a new label may name any version,
    with `force` any label may.
    """

    def __init__(self, allow_for_unavailable: bool = False, force: bool = False) -> None:
        self._allow = allow_for_unavailable
        self._force = force
        self._versions: dict[str, dict[str, int]] = {}

    def assign(self, models: Mapping[str, ModelConfig], available: Mapping[str, list[int]]) -> None:
        """Takes all labels of a configuration, or none: raises ServingError FAILED_PRECONDITION."""
        labels: dict[str, dict[str, int]] = {}
        for name, model in models.items():
            labels[name] = dict(model.version_labels)
            for label, version in labels[name].items():
                is_new = self._versions.get(name, {}).get(label, version) == version
                if self._force or (self._allow and is_new) or version in available.get(name, []):
                    continue
                raise failed_precondition(
                    f"Request to assign label to version {version} of model {name}, "
                    "which is not currently available for inference"
                )
        self._versions = labels

    def version(self, name: str, label: str) -> int:
        """The version that a label stands for. Raises ServingError INVALID_ARGUMENT."""
        try:
            return self._versions[name][label]
        except KeyError:
            raise invalid_argument(f"Unrecognized servable version label: {label}") from None
