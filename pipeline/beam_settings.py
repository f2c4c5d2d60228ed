"""The `beam` section of a catalog file: which engine runs Beam's pipelines, and what it has to know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import pydantic
from pydantic import AfterValidator, Field

from components.section import Section

LOCAL_RUNNER = "FnApiRunner"

_ADDRESS = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_BUCKET = re.compile(r"gs://[a-z0-9._-]+(/\S*)?")
_RUNNER = re.compile(r"(?:^|\s)--runner[=\s]\s*(\S+)")

# The keys of an engine: those that it needs, then those that it may have.
_WORKERS = ("workers", "worker_command", "worker_image")
_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "local": ((), ()),
    "portable": (("job_endpoint",), (*_WORKERS, "setup_file")),
    "flink": (("job_endpoint",), (*_WORKERS, "flink_master", "parallelism", "setup_file")),
    "spark": (("job_endpoint",), (*_WORKERS, "setup_file")),
    "dataflow": (("project", "region", "temp_location"), ("worker_image", "setup_file")),
}
_EXAMPLES = {
    "job_endpoint": "host:port",
    "project": "that of Google's cloud",
    "region": "for example europe-west1",
    "temp_location": "gs://BUCKET/FOLDER",
}


def _address(text: str) -> str:
    match = _ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match[2]) < 65536:
        raise ValueError("is no host:port, for example localhost:8099")
    return text


def _bucket(text: str) -> str:
    if _BUCKET.fullmatch(text) is None:
        raise ValueError("is no place on Google's storage, for example gs://BUCKET/FOLDER")
    return text


Address = Annotated[str, AfterValidator(_address)]
Bucket = Annotated[str, AfterValidator(_bucket)]


class Beam(Section):
    """Where Beam runs: in this process, on a job service with workers of its own, or at Google's."""

    engine: Literal["local", "portable", "flink", "spark", "dataflow"] = "local"
    job_endpoint: Address | None = Field(
        None,
        description="host:port of the job service; of engines flink and spark Beam's own for these.",
    )
    workers: Address | None = Field(
        None,
        description="host:port of a worker pool, as the job service, or each of Flink's task managers, reaches it.",
    )
    worker_command: str | None = Field(
        None,
        description="A program that becomes a worker, by its path; flink, spark: mlpipe-worker of this environment.",
    )
    worker_image: str | None = Field(None, description="A container image that workers run in.")
    flink_master: Address | None = Field(
        None,
        description="Of engine flink: host:port of Flink's REST service; without it the job service's own.",
    )
    parallelism: int | None = Field(
        None, ge=1, description="Of engine flink: how many task slots a job takes."
    )
    setup_file: bool = Field(False, description="Whether workers are sent this repository as a package.")
    project: str | None = Field(None, description="Of engine dataflow: the project that is billed.")
    region: str | None = Field(None, description="Of engine dataflow: where its workers are.")
    temp_location: Bucket | None = Field(
        None, description="Of engine dataflow: a folder on gs:// for its files."
    )
    options: tuple[str, ...] = Field((), description="Beam's own options; they win over those of the engine.")

    @pydantic.field_validator("worker_command")
    @classmethod
    def _is_path(cls, command: str | None) -> str | None:
        if command is not None and (not command.startswith("/") or re.search(r"\s", command)):
            raise ValueError("is no absolute path of one program; options go into a script of your own")
        return command

    @pydantic.field_validator("options")
    @classmethod
    def _exact_runners(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        text = " ".join(options)
        if "multi_threading" in text:
            raise ValueError(
                "direct_running_mode=multi_threading silently loses rows; use in_memory or multi_processing"
            )
        if "daskrunner" in text.casefold():
            raise ValueError("Beam's DaskRunner drops sibling branches of this DAG; use another runner")
        return options

    @pydantic.model_validator(mode="after")
    def _fits_the_engine(self) -> Beam:
        needed, allowed = _KEYS[self.engine]
        given = [
            name
            for name in type(self).model_fields
            if name not in ("engine", "options") and getattr(self, name)
        ]
        for name in needed:
            if name not in given:
                raise ValueError(f"engine {self.engine} needs {name}: {_EXAMPLES[name]}")
        for name in given:
            if name not in (*needed, *allowed):
                engines = ", ".join(engine for engine, keys in _KEYS.items() if name in (*keys[0], *keys[1]))
                raise ValueError(
                    f"{name} is for engine {engines}, not for {self.engine}; set engine or take it out"
                )
        kinds = [name for name in _WORKERS if name in given]
        if len(kinds) > 1:
            raise ValueError(f"{' and '.join(kinds)}: workers are started in one way; take one out")
        if self.engine == "portable" and not kinds:
            raise ValueError("engine portable needs workers: host:port (or worker_command, or worker_image)")
        if self.engine == "dataflow" and not (self.setup_file or self.worker_image):
            raise ValueError(
                "engine dataflow needs setup_file: true, or worker_image: an image with this repository in it"
            )
        runners = (LOCAL_RUNNER,) if self.engine == "local" else ()
        for runner in _runners(self.options):
            if runner not in runners:
                raise ValueError(f"options: --runner={runner}: engine {self.engine} says which; take it out")
        return self


def _runners(options: Sequence[str]) -> list[str]:
    return _RUNNER.findall(" ".join(options))
