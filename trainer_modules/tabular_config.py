"""Configuration of `trainer_modules.tabular` (no TensorFlow here: the command line reads it)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from trainer_modules.common.training_config import Section, Training

Buckets = Annotated[int, Field(ge=2, le=1000)]
Units = Annotated[int, Field(ge=1, le=65536)]
Range = tuple[float, float]


class Features(Section):
    """What each column is; columns that no list names get their kind from the schema."""

    numeric: list[str] = Field(default_factory=list, description="z-scored; default for numbers")
    categorical: list[str] = Field(default_factory=list, description="one-hot; default for text; ints too")
    bucketed: dict[str, Buckets] = Field(
        default_factory=dict, description="column: number of quantile buckets"
    )
    exclude: list[str] = Field(default_factory=list, description="columns that the model does not see")
    top_k: int | None = Field(1000, ge=1, description="largest vocabulary of a categorical column")
    frequency_threshold: int | None = Field(None, ge=1, description="rarer values are out of vocabulary")
    positive_class: str | int | None = Field(None, description="binary only; default: the later of the two")

    @model_validator(mode="after")
    def _one_kind_each(self) -> Features:
        names = [*self.numeric, *self.categorical, *self.bucketed, *self.exclude]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"column {name!r} is listed under more than one kind")
        return self


class Model(Section):
    """A linear model or a stack of dense layers."""

    hidden: list[Units] = Field(default_factory=list, description="units of each hidden layer; [] is linear")
    activation: Literal["relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "linear"] = "relu"
    dropout: float = Field(0.0, ge=0, lt=1)
    l1: float = Field(0.0, ge=0)
    l2: float = Field(0.0, ge=0)
    batch_norm: bool = False
    initializer: Literal[
        "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal", "random_normal", "zeros"
    ] = "glorot_uniform"

    @model_validator(mode="after")
    def _zeros_only_when_linear(self) -> Model:
        if self.initializer == "zeros" and self.hidden:
            raise ValueError("initializer zeros keeps all hidden units equal: it is for linear models only")
        return self


class Tuning(Section):
    """Ranges of the random search; the learning rate, the units and L2 are drawn on a log scale."""

    trials: int = Field(0, ge=0, le=1000, description="0: no search")
    epochs: int | None = Field(None, ge=1, description="of one trial; default: training.epochs")
    learning_rate: Range = (1e-4, 1e-1)
    layers: tuple[int, int] = (1, 3)
    units: tuple[int, int] = (8, 128)
    dropout: Range = (0.0, 0.5)
    l2: Range = (1e-6, 1e-2)

    @model_validator(mode="after")
    def _ranges(self) -> Tuning:
        lowest = {"learning_rate": 1e-12, "layers": 0, "units": 1, "dropout": 0.0, "l2": 1e-12}
        for name, least in lowest.items():
            low, high = getattr(self, name)
            if not least <= low <= high:
                raise ValueError(
                    f"{name}: {[low, high]} is not a range [low, high] with {least:g} <= low <= high"
                )
        if self.dropout[1] >= 1:
            raise ValueError(f"dropout: {list(self.dropout)} must stay under 1")
        return self


class Config(Section):
    """The part of a catalog file that belongs to this module."""

    features: Features = Features()
    model: Model = Model()
    training: Training = Training()
    tuning: Tuning = Tuning()
