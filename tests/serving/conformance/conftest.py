"""One server over many models, as a process; the tests are its clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import models
from tests.serving.process import ServerProcess, serving

MODELS = {
    "classes": models.classes,
    "echo": models.echo,
    "half_plus_three": models.half_plus_three,
    "half_plus_two": models.half_plus_two,
    "keras": models.half_plus_two_keras,
    "positive": models.positive,
    "row_sums": models.row_sums,
    "scalar": models.scalar,
    "several": models.several,
    "slow": models.slow,
    "tf2": models.half_plus_two_tf2,
    "tflite": models.half_plus_two_tflite,
    "vocabulary": models.vocabulary,
}
CONFIG = """\
model_config_list {{
{models}
  config {{
    name: "canaried" base_path: "{folder}/canaried" model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
    version_labels {{ key: "stable" value: 1 }}
    version_labels {{ key: "canary" value: 2 }}
  }}
}}
"""
VERSION = 123


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """All models of MODELS as version 123, and `canaried` with versions 1 (+2), 2 (+3) and 3 (not served)."""
    folder = tmp_path_factory.mktemp("conformance")
    for name, build in MODELS.items():
        build(folder / name / f"{VERSION:08d}")
    for version in (1, 2, 3):
        models.half_plus_two_tf2(folder / "canaried" / str(version), offset=version + 1.0)
    config = folder / "models.config"
    lines = "\n".join(
        f'  config {{ name: "{name}" base_path: "{folder}/{name}" model_platform: "tensorflow" }}'
        for name in MODELS
    )
    config.write_text(CONFIG.format(models=lines, folder=folder))
    with serving(
        folder,
        f"--model_config_file={config}",
        f"--grpc_socket_path={folder}/grpc.sock",
        "--prefer_tflite_model=true",
        "--allow_version_labels_for_unavailable_models",
        "--rest_api_timeout_in_ms=20000",
        "--rest_api_max_body_mb=300",
    ) as process:
        yield process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A base path for one model."""
    return tmp_path / "m"
