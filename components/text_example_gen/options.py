"""How texts are laid out, cleaned, labelled and split."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from common.errors import BadInput
from components.columnar_example_gen.options import ReaderOptions

FORMATS = ("table", "folders", "windows", "parallel", "conll")
CLASSIFICATION = ("binary", "multiclass")
FILE_NAME, POSITION = "file_name", "position"
CHARACTERS, WORDS = "_characters", "_words"
"""What the names of a text's lengths, as StatisticsGen tells them, end in."""
_TEXTS = {"table": ("text",), "parallel": ("source", "target"), "conll": ("tokens",)}
_CHOICES: dict[str, tuple[str, ...]] = {
    "text": FORMATS,
    "duplicates": ("drop", "keep"),
    "on_long": ("fail", "cut", "skip"),
    "empty": ("fail", "skip"),
}


@dataclasses.dataclass(frozen=True)
class TextOptions:
    """What the reader has to know about texts beyond their path.

    text: the format. columns: of tables, those that hold texts. labels and task: as in the configuration; no labels,
    no checks. group: columns whose values decide the split. duplicates: equal texts are dropped but for the first, or
    kept. window: characters of a piece of a long file. max_chars and on_long: longer texts are over-long, and end the
    run, are cut, or left out. empty: whether empty texts end the run or are left out. max_oov: highest share of the
    eval split's words that train does not have, for the gate.
    delimiter, missing_values, types, drop: of tables.
    Raises BadInput for a value that is not allowed.
    """

    text: str
    columns: Sequence[str] = ()
    labels: Sequence[str] = ()
    task: str = ""
    group: Sequence[str] = ()
    duplicates: str = "drop"
    window: int = 1000
    max_chars: int = 100_000
    on_long: str = "fail"
    empty: str = "fail"
    max_oov: float | None = None
    delimiter: str = ","
    missing_values: Sequence[str] = ()
    types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    drop: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise BadInput(
                    f"data.{name}: {getattr(self, name)!r} is no choice; give one of {', '.join(choices)}"
                )
        for name, least in (("window", 2), ("max_chars", 1)):
            if getattr(self, name) < least:
                raise BadInput(f"data.{name}: {getattr(self, name)} is below {least}; give characters")
        self._check_labels()
        for name in (*self.texts, *self.group):
            if name in self.drop:
                raise BadInput(f"data.drop: {name} is in use as a text or a group; take it out of the list")
            if name in self.types and name in self.texts:
                raise BadInput(f"data.types: {name} is a text; take it out")

    def _check_labels(self) -> None:
        named = ", ".join(self.labels)
        if self.text == "windows" and self.labels:
            raise BadInput(
                f"label: text: windows gives texts without a label, not {named}; set task: language_model"
            )
        if self.text in ("folders", "conll") and len(self.labels) > 1:
            raise BadInput(f"label: text: {self.text} gives one label, not {named}; name one")
        if self.text == "folders" and self.task == "regression":
            raise BadInput(
                "task: text: folders gives classes, not numbers; put the texts in a table (text: table), or set task:"
                " multiclass"
            )
        if (self.text == "conll") != (self.task == "tagging") and self.labels:
            raise BadInput(
                f"task: {self.task} with text: {self.text}; tagging is what text: conll is read for; mend one of them"
            )
        if self.task == "translation" and (len(self.texts) != 2 or self.texts[1] not in self.labels):
            raise BadInput(
                f"label: task translation takes one text and its label, or a source and a target, of which the target"
                f" is the label; got texts {', '.join(self.texts)} and label {named or 'none'}"
            )
        for label in self.labels:
            if label in self.texts and self.task != "translation":
                raise BadInput(f"label: {label} is a text; take it out of data.text_columns")
            if label in (FILE_NAME, "text") and self.text == "folders":
                raise BadInput(f"label: {label} is a feature of every text; take another name")

    @property
    def texts(self) -> tuple[str, ...]:
        """The features that hold texts, of `translation` the source first."""
        named = tuple(self.columns or _TEXTS.get(self.text, ("text",)))
        if self.task == "translation":
            named += tuple(label for label in self.labels if label not in named)
        return named

    @property
    def pairs(self) -> bool:
        """Whether an example is a source with its target: the source alone decides the split then."""
        return self.text == "parallel" or self.task == "translation"

    @property
    def label(self) -> str:
        """The feature for the class of a folder, or for the tags of tokens."""
        return self.labels[0] if self.labels else "tags" if self.text == "conll" else "label"

    @property
    def features(self) -> tuple[str, ...]:
        """All features of an example, where the texts do not come from a table."""
        others = {
            "folders": (self.label, FILE_NAME),
            "windows": (POSITION, FILE_NAME),
            "conll": (self.label,),
        }
        return (*self.texts, *others.get(self.text, ()))

    @property
    def contradicting(self) -> tuple[str, ...]:
        """The labels that equal texts have to agree on."""
        return tuple(self.labels) if self.task in (*CLASSIFICATION, "tagging") else ()

    def table(self, path: str) -> ReaderOptions:
        """The options for the reader of a table; a file that ends in .tsv is separated by tabs."""
        name = path.lower().removesuffix(".gz").removesuffix(".zst")
        tabs = name.endswith(".tsv") and self.delimiter == ","
        return ReaderOptions(
            delimiter="\t" if tabs else self.delimiter,
            missing_values=self.missing_values,
            types={**self.types, **dict.fromkeys(self.texts, "text")},
            drop=self.drop,
            labels=self.labels,
        )

    @property
    def keeps_contradicting(self) -> bool:
        """Whether equal texts with different labels stay: a text has one class, but tokens may be read in two ways."""
        return self.duplicates == "keep" or self.task == "tagging"

    def to_json(self) -> str:
        """One line, equal for equal options: it is part of the cache key."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> TextOptions:
        """The options that `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        return cls(**values)
