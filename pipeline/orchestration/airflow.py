"""A pipeline as a DAG file of Airflow 3, which imports nothing of TFX."""

from __future__ import annotations

import datetime
import keyword
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import BadInput
from pipeline import config as configs
from pipeline.home import Home
from pipeline.orchestration import keys, output
from pipeline.orchestration.airflow_settings import Airflow
from pipeline.sections import Config
from pipeline.wording import display, nearest

TEMPLATE = Path(__file__).with_name("airflow_dag.py.txt")
LINE = 110
MARK = "written by `mlpipe export airflow`"


@dataclass(frozen=True)
class Target:
    """What the workers are told: where the command runs, which home, which command, and what is overridden always."""

    folder: Path
    home: Home
    command: Sequence[str]
    overrides: Sequence[str] = ()


def export(
    pipeline: str,
    overrides: Sequence[str],
    home: Home,
    out: Path,
    command: str | None = None,
    force: bool = False,
) -> Path:
    """Write the DAG file of a pipeline into the folder `out`, and tell the next steps.

    Raises:
      BadInput: a wrong configuration, a file in the way that is not the exporter's own.
      UserError: the folder cannot be written.
    """
    from pipeline.node_list import node_list

    loaded = configs.load(pipeline, overrides)
    target = Target(Path.cwd(), home, shlex.split(command or "") or own_command(), overrides)
    found = str(configs.find(pipeline).absolute()) if configs.is_file(pipeline) else pipeline
    text = render(found, loaded, {node.id: node.upstream for node in node_list(loaded)}, target)
    path = out / f"mlpipe_{loaded.name}.py"
    output.write(path, text, MARK, force, in_folder=True)
    print(f"wrote {display(path)}: the DAG {loaded.name}")
    if loaded.airflow.pool:
        what = shlex.join(["airflow", "pools", "set", loaded.airflow.pool, "1", "heavy nodes of mlpipe"])
        print(f"once: {what}  (without the pool these nodes wait for ever)")
    print("next: put it into the dags folder of Airflow 3; `make airflow` starts one to try it in")
    return path


def own_command() -> list[str]:
    """The `mlpipe` of this environment, as a worker without it on its PATH can call it."""
    script = Path(sys.executable).with_name("mlpipe")
    return [str(script)] if script.exists() else [shutil.which("mlpipe") or "mlpipe"]


def render(pipeline: str, config: Config, upstream: Mapping[str, Sequence[str]], target: Target) -> str:
    """The text of the DAG file.

    Args:
      pipeline: its name in the catalog, or its file's absolute path.
      config: its configuration.
      upstream: node -> the nodes that it waits for, in the order of the DAG.
      target: what the workers are told.
    """
    settings = config.airflow
    _check_nodes(settings, upstream)
    start = settings.start
    values = {
        "NAME": config.name,
        "NAME_LITERAL": literal(config.name),
        "PIPELINE": literal(pipeline),
        "HOME": literal(str(target.home.root)),
        "FOLDER": literal(str(target.folder)),
        "COMMAND": literal(target.command),
        "SET": literal(target.overrides),
        "PARAMS": _params(config),
        "FIRST_DAY": _date(settings.first_day) if keys.has_span(config) else "None",
        "TIMEZONE": literal(settings.timezone),
        "ON_FAILURE": literal(settings.on_failure),
        "DESCRIPTION": literal(config.description),
        "SCHEDULE": literal(settings.schedule),
        "START": f"pendulum.datetime({start.year}, {start.month}, {start.day}, tz={literal(settings.timezone)})",
        "RETRIES": literal(settings.retries),
        "RETRY_SECONDS": literal(settings.retry_seconds),
        "MAX_RETRY_SECONDS": literal(settings.max_retry_seconds),
        "TIMEOUT_MINUTES": literal(settings.timeout_minutes),
        "NODES": "\n".join(_task(node, settings) for node in upstream),
        "EDGES": "\n".join(_edges(upstream)),
    }
    return re.sub(r"@@(\w+)@@", lambda match: values[match[1]], TEMPLATE.read_text(encoding="utf-8"))


def variable(node: str) -> str:
    """ExampleGen -> example_gen."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", re.sub(r"\W", "_", node)).lower()
    return f"{name}_" if keyword.iskeyword(name) else name


def literal(value: Any) -> str:
    """A value as Python source, with double quotes where that needs no escape, as formatters write it."""
    if isinstance(value, str):
        text = repr(value)
        return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in value else text
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return repr(value)


def _check_nodes(settings: Airflow, upstream: Mapping[str, Sequence[str]]) -> None:
    """Raises BadInput for a node that the DAG does not have; the heavy ones by default may be absent."""
    default = Airflow.model_fields["heavy"].default
    named = [("timeouts", node) for node in settings.timeouts]
    named += [("heavy", node) for node in settings.heavy if node not in default]
    for key, node in named:
        if node not in upstream:
            raise BadInput(
                f"airflow.{key}: the DAG has no node {node!r}"
                f"{nearest(node, upstream) or '; it has ' + ', '.join(upstream)}"
            )


def _task(node: str, settings: Airflow) -> str:
    options = [f"task_id={literal(node)}"]
    if settings.pool and node in settings.heavy:
        options.append(f"pool={literal(settings.pool)}")
    if node in settings.timeouts:
        options.append(f"execution_timeout=datetime.timedelta(minutes={literal(settings.timeouts[node])})")
    made = f"    {variable(node)} = mlpipe_node.override("
    call, argument = ", ".join(options), literal(node)
    line = f"{made}{call})({argument})"
    return line if len(line) <= LINE else f"{made}\n        {call}\n    )({argument})"


def _edges(upstream: Mapping[str, Sequence[str]]) -> list[str]:
    lines = []
    for node, before in upstream.items():
        names = [variable(one) for one in before]
        if names:
            waits_for = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
            lines.append(f"    {waits_for} >> {variable(node)}")
    return lines


def _params(config: Config) -> str:
    lines = []
    for key in config.airflow.params:
        value = keys.value(config, key, "airflow.params")
        lines.append(f"    {literal(key)}: Param({literal(value)}, type={literal(_json_type(value))}),\n")
    return "{\n" + "".join(lines) + "}" if lines else "{}"


def _json_type(value: Any) -> str | list[str]:
    """The JSON schema type of a value; any for none, as it says nothing of what may stand there."""
    if value is None:
        return ["null", "boolean", "number", "string", "array", "object"]
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def _date(day: datetime.date) -> str:
    return f"datetime.date({day.year}, {day.month}, {day.day})"
