"""Configurations with an `airflow` section, and the text of their DAG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline import config, node_list
from pipeline.home import Home
from pipeline.orchestration import airflow
from pipeline.orchestration.airflow_settings import Airflow
from pipeline.sections import Config

TARGET = airflow.Target(Path("/work folder/it's"), Home(Path('/a "home"')), ["/opt/env/bin/mlpipe"])


def loaded(*overrides: str, **section: Any) -> Config:
    given = config.load("penguin", overrides)
    return given.model_copy(update={"airflow": Airflow.model_validate(section)})


def upstream(given: Config) -> dict[str, tuple[str, ...]]:
    return {node.id: node.upstream for node in node_list.node_list(given)}


def render(given: Config | None = None, pipeline: str = "penguin", target: airflow.Target = TARGET) -> str:
    given = given or loaded()
    return airflow.render(pipeline, given, upstream(given), target)
