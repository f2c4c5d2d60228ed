"""The `kubeflow` section of a catalog file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field

from components.section import Section

MEMORY_UNITS = {
    f"{letter}{suffix}": base ** (power + 1)
    for base, suffix in ((1000, ""), (1024, "i"))
    for power, letter in enumerate("KMGT")
}
_REPLACED = re.compile(r"\{\{|\$\(")


def check_literal(text: str) -> str:
    """The text itself; raises ValueError where Kubeflow or Kubernetes would put something else in its place."""
    if found := _REPLACED.search(text):
        raise ValueError(f"{text!r}: on Kubeflow {found[0]} begins a name that is replaced; write it without")
    return text


def _matching(pattern: str, what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"{text!r} is no {what}")
        return text

    return AfterValidator(check)


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


# YAML reads `cpu: 4` and `pool: 1` as numbers.
Text = Annotated[str, BeforeValidator(_number_as_text)]
Name = Annotated[
    str, _matching(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", "name that Kubernetes takes: a-z, 0-9, - and .")
]
Variable = Annotated[str, _matching(r"[A-Za-z_]\w*", "name of an environment variable")]
Literally = Annotated[Text, AfterValidator(check_literal)]
Label = Annotated[Text, _matching(r"([A-Za-z0-9][-\w./]{0,251})?", "label that Kubernetes takes")]
Cpu = Annotated[Text, _matching(r"\d+(\.\d+)?|\d+m", "number of cores: write 4, 0.5 or 500m")]
Memory = Annotated[
    Text, _matching(rf"\d+({'|'.join(MEMORY_UNITS)})", "amount of memory: write 16Gi or 16000M")
]


class Task(Section):
    """What the container of a node gets, and what happens when it fails."""

    cpu: Cpu | None = Field(None, description="Cores of the container: 4, 0.5 or 500m.")
    memory: Memory | None = Field(None, description="Memory of the container: 16Gi.")
    gpu: Annotated[int, Field(ge=0)] = Field(0, description="Accelerators of the container.")
    gpu_kind: Annotated[str, _matching(r"[A-Za-z0-9][-\w./]*", "kind of accelerator")] = Field(
        "nvidia.com/gpu", description="The resource's name; on Vertex AI the type: NVIDIA_TESLA_T4."
    )
    node_selector: dict[Label, Label] = Field({}, description="Labels of the machines that may run it.")
    retries: Annotated[int, Field(ge=0, le=100)] = 2
    retry_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        60, description="Before the first retry; twice as long before each next."
    )
    timeout_minutes: Annotated[int, Field(ge=1)] = Field(
        120, description="How long one try may take, the pull of the image included."
    )


class Secret(Section):
    """A key of a Kubernetes Secret."""

    name: Name
    key: Annotated[str, _matching(r"[-\w.]+", "key of a Secret")]


class Kubeflow(Task):
    """Where the steps of Kubeflow Pipelines run, and what they are given; the keys of a node hold for all of them."""

    platform: Literal["kubernetes", "vertex"] = "kubernetes"
    image: Annotated[str, _matching(r"[A-Za-z0-9][\w.\-/:@]*", "name of an image")] | None = Field(
        None, description="The image that the Dockerfile builds, as the cluster pulls it."
    )
    home: Annotated[str, _matching(r"[\w.\-/:@]+", "folder of a container: write it like /state")] = Field(
        "/state", description="The home folder in the containers; the volume is mounted there."
    )
    volume: Name | None = Field(
        None,
        description="The PersistentVolumeClaim of the home, which the steps of all runs share; not needed where"
        " pipeline_root and push.directory are in an object store.",
    )
    env: dict[Variable, Literally] = {}
    secrets: dict[Variable, Secret] = Field({}, description="Environment variable -> key of a Secret.")
    pull_secrets: tuple[Name, ...] = Field((), description="Secrets of the image's registry.")
    params: tuple[str, ...] = Field(
        (), description="Keys of this file that a run can be started with other values of."
    )
    nodes: dict[str, Task] = Field({}, description="Node -> what is different for it.")

    def task(self, node: str) -> Task:
        """The settings of a node: its own before those of all."""
        common = {name: getattr(self, name) for name in Task.model_fields}
        own = self.nodes.get(node, Task())
        return Task.model_validate({**common, **own.model_dump(exclude_unset=True)})

    @pydantic.field_validator("home")
    @classmethod
    def _is_a_mounted_path(cls, home: str) -> str:
        if "://" in home:
            raise ValueError(
                f"{home!r}: is a folder of the container; the object store for artifacts is pipeline_root, that for"
                " versions push.directory"
            )
        if not re.fullmatch(r"/[^/].*", home):
            raise ValueError(f"{home!r} is no absolute path below the root; write it like /state")
        return home.rstrip("/")
