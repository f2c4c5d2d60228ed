"""What decides whether a result can be used again: fingerprints of code, of data and of a whole run.

Nothing is imported to be fingerprinted: modules are followed through the import statements of their source.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
from functools import cache
from pathlib import Path
from typing import Any

from common.errors import BadInput

REPOSITORY = Path(__file__).parent.parent
VERSIONED = (
    "ai-edge-litert",
    "apache-beam",
    "keras",
    "ml-metadata",
    "tensorflow",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tensorflow-transform",
    "tfx",
)


def of_module(module: str) -> str:
    """SHA-256 (hex) over a module's source and the sources of all that it imports from this repository.

    Raises:
      BadInput: the repository and the path have no such module, or a source does not parse.
    """
    digest = hashlib.sha256()
    for name, path in sorted(_closure(module).items()):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Installed versions of the packages that compute artifacts."""
    return {package: importlib.metadata.version(package) for package in VERSIONED}


def of_file(path: Path) -> str:
    """SHA-256 (hex) over the content of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def of_values(*values: Any) -> str:
    """SHA-256 (hex) over JSON-able values; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _closure(module: str) -> dict[str, Path]:
    if _source(module) is None:
        raise BadInput(f"no module {module!r} in this repository or the current folder")
    found: dict[str, Path] = {}
    # Most of what is imported lies elsewhere: looking for it each time anew takes a fifth of a second of every run.
    seen: set[str] = set()
    queue = _with_packages(module)
    while queue:
        name = queue.pop()
        path = None if name in seen else _source(name)
        seen.add(name)
        if path is not None:
            found[name] = path
            for imported in _imports(path, path.read_bytes(), name):
                queue += _with_packages(imported)
    return found


def _with_packages(module: str) -> list[str]:
    """A module and the packages around it, whose code an import runs as well."""
    parts = module.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


@cache
def _imports(path: Path, source: bytes, module: str) -> tuple[str, ...]:
    """Dotted names that a source imports: modules, and names that may be modules of a package."""
    try:
        tree = ast.parse(source, str(path))
    except SyntaxError as error:
        raise BadInput(f"{path}:{error.lineno}: {error.msg}") from None
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _source(module: str) -> Path | None:
    """The source of a module of this repository or of the current folder; None for installed packages."""
    for root in (REPOSITORY, Path.cwd()):
        path = root.joinpath(*module.split("."))
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None
