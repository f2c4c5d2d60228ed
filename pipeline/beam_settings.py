"""The `beam` section of a catalog file: which engine runs Beam's pipelines, and what it has to know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field

LOCAL_RUNNER = "FnApiRunner"

_ADDRESS = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_RUNNER = re.compile(r"(?:^|\s)--runner[=\s]\s*(\S+)")


class Beam(BaseModel):
    """Where Beam runs: in this process, or on a job service with workers of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: Literal["local", "portable"] = "local"
    job_endpoint: str | None = Field(None, description="Of engine portable: host:port of the job service.")
    workers: str | None = Field(
        None, description="Of engine portable: host:port of the worker pool, as the job service reaches it."
    )
    options: tuple[str, ...] = Field((), description="Beam's own options; they win over those of the engine.")

    @pydantic.field_validator("job_endpoint", "workers")
    @classmethod
    def _is_address(cls, address: str | None) -> str | None:
        if address is not None:
            match = _ADDRESS.fullmatch(address)
            if match is None or not 0 < int(match[2]) < 65536:
                raise ValueError("is no host:port, for example localhost:8099")
        return address

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
        given = {"job_endpoint": self.job_endpoint, "workers": self.workers}
        for key, value in given.items():
            if self.engine == "portable" and value is None:
                raise ValueError(f"engine portable needs {key}: host:port")
            if self.engine == "local" and value is not None:
                raise ValueError(f"{key} is for engine portable, not for local; set engine or take it out")
        allowed = (LOCAL_RUNNER,) if self.engine == "local" else ()
        for runner in _runners(self.options):
            if runner not in allowed:
                raise ValueError(f"options: --runner={runner}: engine {self.engine} says which; take it out")
        return self


def _runners(options: Sequence[str]) -> list[str]:
    return _RUNNER.findall(" ".join(options))
