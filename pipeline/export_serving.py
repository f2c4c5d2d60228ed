"""Writes the files that run TF Serving itself on pushed models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from common.errors import BadInput
from pipeline import owned_files, served
from pipeline.home import Home
from pipeline.served import Served
from pipeline.wording import display
from serving.deploy.files import FILL_MODELS, files
from serving.deploy.settings import Settings

# A Kubernetes name, with room for what is added to it.
NAME = re.compile(r"[a-z]([a-z0-9-]{0,48}[a-z0-9])?")
IMAGE = re.compile(r"[\w.:/-]+?(:[\w.-]+|@sha256:[0-9a-f]{64})")


def export(
    home: Home,
    pipelines: Sequence[str],
    output: Path,
    *,
    name: str,
    namespace: str,
    image: str,
    cpus: int,
    replicas: tuple[int, int],
    num_versions: int,
    force: bool,
) -> None:
    """Writes compose, Kubernetes and Prometheus files to the folder `output`, and tells the next steps.

    Raises BadInput: nothing was pushed, a name that Kubernetes would refuse, an image without a tag, a file that
    would be lost.
    """
    for option, value in (("--name", name), ("--namespace", namespace)):
        if value and not NAME.fullmatch(value):
            raise BadInput(
                f"{option} {value}: small letters, digits and -, a letter first, at most 50 of them"
            )
    if not IMAGE.fullmatch(image) or image.endswith(":latest"):
        raise BadInput(f"--image {image}: name the tag or digest, such as {Settings.image}")
    if replicas[0] > replicas[1]:
        raise BadInput(f"--min-replicas {replicas[0]} is more than --max-replicas {replicas[1]}")
    found = served.find(home, pipelines)
    folders = {model.name: _folder(model) for model in found}
    settings = Settings(
        models=folders,
        model_bytes=sum(_largest_version(folders[model.name], model.versions) for model in found),
        name=name,
        namespace=namespace,
        image=image,
        cpus=cpus,
        min_replicas=replicas[0],
        max_replicas=replicas[1],
        num_versions=num_versions,
    )
    written = files(settings)
    owned_files.write(output, written, executable=FILL_MODELS, force=force)
    where = display(output)
    print(f"wrote {len(written)} files to {where} for {', '.join(settings.models)}")
    print(f"next: docker compose -f {where}/compose.yaml up")
    print(f"or:   {where}/{FILL_MODELS} && kubectl apply -f {where}/kubernetes")


def _folder(model: Served) -> Path:
    if not isinstance(model.folder, Path):
        raise BadInput(
            f"{model.name}: its versions lie in {model.folder}, which the containers of these files do not mount; name that"
            " as --model_base_path of a TensorFlow Serving that is built for the store"
        )
    return model.folder


def _largest_version(folder: Path, versions: Sequence[int]) -> int:
    sizes = (
        sum(file.stat().st_size for file in (folder / str(version)).rglob("*") if file.is_file())
        for version in versions
    )
    return max(sizes)
