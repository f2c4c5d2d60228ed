"""The `airflow` section of a catalog file."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pydantic
from pydantic import Field

from components.section import Section

PRESETS = ("@once", "@continuous", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
CRON = re.compile(r"\S+( \S+){4}")
FIELDS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}

Minutes = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class Airflow(Section):
    """When Airflow runs the pipeline, what it tries again, and what may run side by side."""

    schedule: str | None = Field(None, description="Cron expression or preset; without one, by hand alone.")
    start: datetime.date = Field(datetime.date(2025, 1, 1), description="No run is scheduled before it.")
    timezone: str = Field("UTC", description="Of the schedule, and of the day that a run trains on.")
    first_day: datetime.date = Field(
        datetime.date(1970, 1, 1), description="The day that is span 0, where data.path has {SPAN}."
    )
    retries: Annotated[int, Field(ge=0)] = 2
    retry_seconds: Seconds = Field(60, description="Before the first retry; twice as long before each next.")
    max_retry_seconds: Seconds = 1800
    timeout_minutes: Minutes = Field(120, description="How long one try of a node may take.")
    timeouts: dict[str, Minutes] = Field({}, description="The same for single nodes, in minutes.")
    pool: str | None = Field("mlpipe_heavy", description="Airflow's pool for the heavy nodes.")
    heavy: tuple[str, ...] = Field(
        ("Transform", "Tuner", "Trainer", "Evaluator"), description="Nodes that take a slot of the pool."
    )
    params: tuple[str, ...] = Field(
        (), description="Keys of this file that a run can be started with other values of."
    )
    on_failure: tuple[str, ...] = Field(
        (), description="Command that is given what failed, as JSON on its standard input."
    )

    @pydantic.field_validator("schedule")
    @classmethod
    def _known_schedule(cls, schedule: str | None) -> str | None:
        if schedule is not None and schedule not in PRESETS and not CRON.fullmatch(schedule):
            raise ValueError(
                f"{schedule!r} is no cron expression of five fields and none of {', '.join(PRESETS)}"
            )
        if schedule is not None and schedule not in PRESETS:
            for (name, (low, high)), field in zip(FIELDS.items(), schedule.split(), strict=True):
                for number in re.findall(r"(?<![/#\d])\d+", field):
                    if not low <= int(number) <= high:
                        raise ValueError(f"{schedule!r} has the {name} {number}; it is from {low} to {high}")
        return schedule

    @pydantic.field_validator("timezone")
    @classmethod
    def _known_timezone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (OSError, ValueError, LookupError):
            raise ValueError(f"{timezone!r} is no time zone; write it like Europe/Berlin") from None
        return timezone

    @pydantic.field_validator("on_failure", mode="before")
    @classmethod
    def _list_of_words(cls, command: Any) -> Any:
        return [command] if isinstance(command, str) else command
