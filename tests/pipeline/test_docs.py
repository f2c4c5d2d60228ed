"""The reference page names every key of a catalog file, and only pages and files that are there are linked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pydantic
import pytest

from pipeline.sections import MODULE_SECTIONS, Config
from trainer_modules import language_model_config, sequence_tagger_config, tabular_config
from trainer_modules.common.training_config import Training

ROOT = Path(__file__).resolve().parents[2]
TEXT_MODELS = (ROOT / "docs" / "text-models.md").read_text()
PAGE = (ROOT / "docs" / "configuration.md").read_text()


def keys(model: type[pydantic.BaseModel], prefix: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        section = field.annotation
        if isinstance(section, type) and issubclass(section, pydantic.BaseModel):
            found += keys(section, f"{key}.")
        else:
            found.append(key)
    return found


@pytest.mark.parametrize("key", keys(Config))
def test_the_page_names_each_key_of_a_catalog_file(key: str) -> None:
    assert f"`{key}`" in PAGE


@pytest.mark.parametrize("section", MODULE_SECTIONS)
def test_the_page_names_each_key_of_the_tabular_module(section: str) -> None:
    model = tabular_config.Config.model_fields[section].annotation
    assert isinstance(model, type)
    missing = [name for name in model.model_fields if f"`{section}.{name}`" not in PAGE]
    assert missing == []


@pytest.mark.parametrize(
    "config",
    [language_model_config.Config, sequence_tagger_config.Config],
    ids=["language_model", "sequence_tagger"],
)
def test_the_page_of_texts_names_each_key(config: type[pydantic.BaseModel]) -> None:
    named = [
        f"{section}.{name}"
        for section, field in config.model_fields.items()
        for name in getattr(field.annotation, "model_fields", {})
        if section != "training" or name not in Training.model_fields
    ]
    assert len(named) > 10
    assert [name for name in named if f"`{name}`" not in TEXT_MODELS] == []


def test_gates_take_what_the_page_says() -> None:
    gates = Config.model_fields["evaluation"].annotation
    assert isinstance(gates, type)
    gate = get_args(gates.model_fields["gates"].annotation)[0]
    missing = [name for name in gate.model_fields if f"`{name}`" not in PAGE]
    assert missing == []


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name
)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\((?!https?://)([^)#]+)", prose)
    assert [link for link in links if not (page.parent / link).exists()] == []
