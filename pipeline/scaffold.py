"""A catalog file proposed from a table in files: types, task, features, a first set of gates and slices."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from common import whole_file
from common.errors import BadInput
from components.columnar_example_gen import column_types, csv_reader, examples, formats, inputs, source
from components.columnar_example_gen.options import ReaderOptions
from pipeline import config as catalog
from pipeline import scaffold_columns
from pipeline.scaffold_columns import FEW_VALUES, MOST_CLASSES, Column, Missing

SPLITS = {"train": 7, "valid": 1, "eval": 2}
MOST_TEXT_CLASSES = 200
_MARGIN = 0.1
_MIN_AUC = 0.6
_ROWS_PER_SLICE = 50
_MOST_SLICES = 5
_MOST_NAMED = 3
_MOST_CLASSES_NAMED = 5
_DELIMITERS = (",", ";", "\t", "|")
_BATCHES = ((5_000, 32), (200_000, 256), (float("inf"), 1024))


@dataclass(frozen=True)
class Proposal:
    """All that the file will say."""

    name: str
    path: str
    delimiter: str
    task: str
    labels: Sequence[str]
    rows: int
    columns: Sequence[Column]
    missing: Sequence[Missing]
    gates: Sequence[tuple[dict[str, Any], str]]
    slices: Sequence[Column]


def new_pipeline(
    name: str, csv: str | Path, label: Sequence[str], out: Path | None = None, force: bool = False
) -> Path:
    """Writes `<name>.yaml` to `out` (a folder; default: the catalog) for the files `csv`, and returns its path.

    `csv` is a file, folder, glob or span pattern; `label` one column, or several for a regression with several
    outputs. The gates are computed from the rows that will be held out: what a model that always gives the same
    answer reaches there, and a margin.
    Raises BadInput for a name that is none, a file that is there already (unless `force`), a label that is not
    in the header or cannot be learned, and anything wrong in the files.
    """
    path = _target(name, out, force)
    base, pattern = inputs.locate(csv)
    files = {"all": inputs.resolve(base, {"all": pattern}).files["all"]}
    delimiter = likely_delimiter(files["all"][0])
    labels = list(dict.fromkeys(label))
    options = ReaderOptions(delimiter=delimiter, labels=labels)
    text, texts = source.read_text(files, options), source.texts(files, options)
    missing = scaffold_columns.missing_spellings(text, [*labels, *texts])
    spellings = [one.spelling for one in missing]
    text = source.read_text(files, ReaderOptions(delimiter=delimiter, missing_values=spellings))
    columns = scaffold_columns.describe(text, labels, texts)
    task = _task(files["all"][0], [column for column in columns if column.name in labels])
    options = ReaderOptions(
        delimiter=delimiter,
        missing_values=spellings,
        types={column.name: "text" for column in columns if column.declare},
        drop=[column.name for column in columns if column.drop],
        labels=labels,
        task=task,
    )
    features = [column for column in columns if not column.drop and column.name not in labels]
    if not features:
        raise BadInput(
            f"{files['all'][0]}: no column is left to learn from beside {', '.join(labels)}{_left_out(columns)}"
        )
    built = examples.build(files, options, SPLITS)
    proposal = Proposal(
        name=name,
        path=_shown_path(os.path.join(base, pattern)),
        delimiter=delimiter,
        task=task,
        labels=labels,
        rows=built.table.num_rows,
        columns=columns,
        missing=missing,
        gates=_gates(task, labels, text, built),
        slices=_slices(features),
    )
    whole_file.write_text(path, _render(proposal))
    catalog.load(str(path))
    return path


def _left_out(columns: Sequence[Column]) -> str:
    dropped = [f"{column.name}: {column.drop}" for column in columns if column.drop]
    return f" ({'; '.join(dropped[:_MOST_NAMED])}{'; ...' if len(dropped) > _MOST_NAMED else ''})" * bool(
        dropped
    )


def _target(name: str, out: Path | None, force: bool) -> Path:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        plain = re.sub(r"\W+", "_", name.lower()).strip("_")
        hint = f"; for example {plain}" if re.fullmatch(r"[a-z][a-z0-9_]*", plain) else ""
        raise BadInput(
            f"{name!r} is no name of a pipeline: small letters, digits and _, a letter first{hint}"
        )
    path = (out or catalog.CATALOG) / f"{name}.yaml"
    if path.exists() and not force:
        raise BadInput(f"{path}: is there already; take another name, or overwrite it with --force")
    return path


def likely_delimiter(path: str) -> str:
    """The delimiter that divides the header of a CSV file into most columns."""
    if formats.reader(path) is not csv_reader:
        return _DELIMITERS[0]
    counts = {one: len(csv_reader.columns(path, ReaderOptions(delimiter=one))) for one in _DELIMITERS}
    return max(counts, key=lambda one: counts[one])


def _shown_path(path: str) -> str:
    """Relative to the repository where it lies there: the file may be committed."""
    return (
        os.path.relpath(path, catalog.REPOSITORY) if Path(path).is_relative_to(catalog.REPOSITORY) else path
    )


def _task(path: str, labels: Sequence[Column]) -> str:
    for column in labels:
        if not column.distinct:
            raise BadInput(f"{path}: label {column.name}: every value is missing; give the rows a label")
    if len(labels) > 1:
        return "regression"
    (column,) = labels
    if column.kind == "float" or (column.kind == "int" and column.distinct > MOST_CLASSES):
        return "regression"
    present = column.rows - column.missing
    if column.distinct > min(MOST_TEXT_CLASSES, max(2, present // 2)):
        if number := scaffold_columns.written_number(column.counts):
            raise BadInput(
                f"{path}: label {column.name}: numbers are written like {number!r}; write them like 1234.5"
            )
        raise BadInput(
            f"{path}: label {column.name}: {column.distinct:,} different texts in {present:,} rows are no classes"
            " that could be learned; take another label"
        )
    return "binary" if column.distinct == 2 else "multiclass"


def _gates(
    task: str, labels: Sequence[str], text: pa.Table, built: examples.Examples
) -> list[tuple[dict[str, Any], str]]:
    """(gate, why) in the order of the file."""
    train = built.assigned == built.splits.index("train")
    held_out = built.assigned == built.splits.index("eval")
    if task == "regression":
        return [
            _error_gate(label, text.column(label), train, held_out, several=len(labels) > 1)
            for label in labels
        ]
    values = text.column(labels[0]).combine_chunks().dictionary_encode()
    codes = values.indices.to_numpy()
    majority = np.bincount(codes[train]).argmax()
    share = float((codes[held_out] == majority).mean())
    always = f"always {values.dictionary[majority].as_py()!r} gives {share:.3f} on the {held_out.sum()} held-out rows"
    accuracy = {"metric": "accuracy", "lower": _round_up(share + _MARGIN * (1 - share)), "max_drop": 0.02}
    if task == "multiclass":
        return [(accuracy, always)]
    auc = {"metric": "auc", "lower": _MIN_AUC, "max_drop": 0.02}
    if share > 1 - _MARGIN:
        return [(auc, f"0.5 is chance; accuracy says little here: {always}")]
    return [(auc, "0.5 is chance"), (accuracy, always)]


def _error_gate(
    label: str, column: pa.ChunkedArray, train: np.ndarray, held_out: np.ndarray, several: bool
) -> tuple[dict[str, Any], str]:
    converted = column_types.convert(column, "float")
    assert isinstance(converted, pa.ChunkedArray), "the label was read as numbers before"
    numbers = converted.to_numpy().astype(float)
    spread = float(np.sqrt(np.mean((numbers[held_out] - numbers[train].mean()) ** 2)))
    upper, drop = float(f"{(1 - _MARGIN) * spread:.3g}"), float(f"{_MARGIN / 2 * spread:.2g}")
    gate = {"metric": "rmse", "upper": upper, "max_drop": drop}
    if several:
        gate["output"] = label
    return gate, f"always the mean gives {float(f'{spread:.3g}'):,g} on the {held_out.sum()} held-out rows"


def _round_up(value: float) -> float:
    return float(np.ceil(value * 1000) / 1000)


def _slices(features: Sequence[Column]) -> list[Column]:
    fitting = [
        column
        for column in features
        if column.kind in ("text", "int")
        and 2 <= column.distinct <= FEW_VALUES
        and min(column.counts.values()) >= _ROWS_PER_SLICE
    ]
    return sorted(fitting, key=lambda column: column.distinct)[:_MOST_SLICES]


def _flow(value: Any) -> str:
    """A value on one line of YAML."""
    return (
        yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
        .removesuffix("...\n")
        .strip()
    )


def _comment(text: str) -> str:
    return "  # " + json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"')


def _listed(key: str, items: Sequence[tuple[Any, str]], indent: int, empty: str = "") -> list[str]:
    """A YAML list under a key, one item a line with its comment; `empty` stands for a list without items."""
    space = " " * indent
    if not items:
        return [f"{space}{key}: []{_comment(empty) if empty else ''}"]
    return [
        f"{space}{key}:",
        *(f"{space}  - {_flow(item)}{_comment(why) if why else ''}" for item, why in items),
    ]


def _render(proposal: Proposal) -> str:
    return "\n".join(
        [
            *_render_head(proposal),
            "",
            *_render_data(proposal),
            "",
            *_render_trainer(proposal),
            "",
            *_render_evaluation(proposal),
            "",
        ]
    )


def _render_head(proposal: Proposal) -> list[str]:
    labels = list(proposal.labels)
    description = f"{','.join(labels)} from {Path(proposal.path).name}."
    return [
        f"# Proposed by `mlpipe new` from {proposal.rows:,} rows: a start to be edited.",
        f"name: {proposal.name}",
        f"description: {_flow(description)}",
        f"task: {proposal.task}{_classes(proposal)}",
        f"label: {_flow(labels[0] if len(labels) == 1 else labels)}",
    ]


def _classes(proposal: Proposal) -> str:
    if proposal.task == "regression":
        return ""
    (label,) = (column for column in proposal.columns if column.name in proposal.labels)
    named = [f"{value!r} {count:,}" for value, count in list(label.counts.items())[:_MOST_CLASSES_NAMED]]
    return _comment(", ".join(named) + (", ..." if label.distinct > len(named) else "") + " rows")


def _render_data(proposal: Proposal) -> list[str]:
    lines = ["data:", f"  path: {_flow(proposal.path)}"]
    if proposal.delimiter != ",":
        lines.append(f"  delimiter: {json.dumps(proposal.delimiter)}")
    spellings = [(one.spelling, _seen(one)) for one in proposal.missing]
    lines += _listed("missing_values", [("", "the empty field"), *spellings], 2)
    declared = [column for column in proposal.columns if column.declare]
    if declared:
        lines.append("  types:")
        lines += [f"    {_flow(column.name)}: text{_comment(column.declare)}" for column in declared]
    dropped = [(column.name, column.drop) for column in proposal.columns if column.drop]
    lines += _listed("drop", dropped, 2, empty="columns that are left out")
    lines.append(f"  splits: {_flow(SPLITS)}{_comment('shares of the rows; eval is held out for the gates')}")
    return lines


def _render_trainer(proposal: Proposal) -> list[str]:
    features = [c for c in proposal.columns if not c.drop and c.name not in proposal.labels]
    numeric = [(c.name, _few(c)) for c in features if c.kind in ("int", "float")]
    categorical = [(c.name, f"{c.distinct:,} values") for c in features if c.kind == "text"]
    batch = next(size for most, size in _BATCHES if proposal.rows < most)
    return [
        "trainer:",
        "  module: trainer_modules.tabular",
        "  features:",
        *_listed("numeric", numeric, 4),
        *_listed("categorical", categorical, 4),
        "  model:",
        "    hidden: [32]  # units of each hidden layer; [] is a linear model",
        "  training:",
        f"    batch_size: {batch}",
        f"    epochs: {100 if proposal.rows < _BATCHES[0][0] else 20}  # at most: training stops early",
        "    learning_rate: 0.005",
    ]


def _seen(missing: Missing) -> str:
    named = ", ".join(missing.columns[:_MOST_NAMED]) + (", ..." if len(missing.columns) > _MOST_NAMED else "")
    return f"{missing.count:,} times, in {named}"


def _few(column: Column) -> str:
    if column.kind == "int" and 2 < column.distinct <= FEW_VALUES:
        return f"{column.distinct} values; move it to categorical if they are codes"
    return ""


def _render_evaluation(proposal: Proposal) -> list[str]:
    slices = [(column.name, f"{column.distinct} values") for column in proposal.slices]
    none = "no column has 2 to 10 values with enough rows each"
    return [
        "evaluation:",
        "  # A model is pushed only if it keeps these bounds, and against the model blessed last is not worse by more",
        "  # than max_drop. Raise them once you know what is possible.",
        *_listed("gates", proposal.gates, 2),
        *_listed("slices", slices, 2, empty=none),
    ]
