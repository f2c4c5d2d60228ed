from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from trainer_modules.image_classifier_config import Config


def error(**sections: Any) -> str:
    with pytest.raises(ValidationError) as found:
        Config.model_validate({"model": {"architecture": "simple_cnn"}, **sections})
    [one] = found.value.errors()
    return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"model": {}}, "model.architecture: Field required"),
        (
            {"model": {"architecture": "simple_cnn", "filters": 3}},
            "model.filters: Extra inputs are not permitted",
        ),
        (
            {"model": {"architecture": "simple_cnn", "image": {"size": [0, 5]}}},
            "image.size.0: Input should be greater",
        ),
        (
            {"model": {"architecture": "simple_cnn", "image": {"channels": 4}}},
            "image.channels: Input should be 1 or 3",
        ),
        ({"model": {"architecture": "mlp", "grad_cam": True}}, "grad_cam: mlp has no feature map to show"),
        (
            {"model": {"architecture": "resnet", "transfer": {}}},
            "give one of weights (of the architecture) and backbone (another model)",
        ),
        (
            {"model": {"architecture": "resnet", "transfer": {"weights": "a.keras"}}},
            "weights: 'a.keras' must be a .weights.h5 file, or a name that `mlpipe data list` shows; give another kind",
        ),
        (
            {"model": {"architecture": "resnet", "transfer": {"backbone": "a.keras"}}},
            "transfer.backbone: its features go into softmax or mlp, not into resnet",
        ),
        (
            {"model": {"architecture": "softmax", "transfer": {"backbone": "a", "pixels": [1, 1]}}},
            "pixels: [1.0, 1.0] must be two different values",
        ),
        (
            {"training": {"augmentation": {"flip": "left"}}},
            "training.augmentation.flip: Input should be 'none'",
        ),
        ({"training": {"augmentation": {"zoom": 1.0}}}, "augmentation.zoom: Input should be less than 1"),
        ({"training": {"mixed_precision": "fp16"}}, "training.mixed_precision: Input should be 'none'"),
        ({"training": {"label_smoothing": 1}}, "training.label_smoothing: Input should be less than 1"),
        ({"tuning": {"trials": 3}}, "tuning.trials: Extra inputs are not permitted"),
    ],
)
def test_what_does_not_fit_is_named(sections: dict[str, Any], message: str) -> None:
    assert message in error(**sections)


def test_defaults_round_trip() -> None:
    config = Config.model_validate({"model": {"architecture": "simple_cnn"}})
    assert Config.model_validate(config.model_dump(mode="json")) == config
    assert (config.training.batch_size, config.training.epochs) == (64, 20)
    assert config.training.early_stopping.patience == 5


def test_a_backbone_has_a_feature_map_whatever_comes_after_it() -> None:
    model = {"architecture": "softmax", "grad_cam": True, "transfer": {"backbone": "a.keras"}}
    assert Config.model_validate({"model": model}).model.grad_cam


def test_reading_a_configuration_needs_no_tensorflow() -> None:
    script = (
        "import sys; import trainer_modules.image_classifier_config; "
        "print([name for name in ('tensorflow', 'keras', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
