"""Configuration of `trainer_modules.text_classifier` (no TensorFlow here: the command line reads it)."""

from __future__ import annotations

from pydantic import Field, model_validator

from trainer_modules.common import training_config
from trainer_modules.common.training_config import EarlyStopping, NoTuning, Section
from trainer_modules.text.encoders.config import EncoderConfig
from trainer_modules.text.tokenizer_config import Tokenizer

FILES = ("model.vectors.file", "model.vectors.vocabulary")
"""Keys that name files: their content belongs to a training's identity."""


class Features(Section):
    """Which column is read, how it is cut into tokens, and what the label is."""

    column: str = Field("text", description="the column with the text")
    tokenizer: Tokenizer = Tokenizer()
    positive_class: str | int | None = Field(None, description="binary only; default: the later of the two")


class Vectors(Section):
    """Pretrained vectors that the embedding begins with."""

    file: str = Field(
        description="GloVe or word2vec text (.txt, .vec, also .gz): a token and its numbers on each line; or .npy"
    )
    vocabulary: str | None = Field(None, description=".npy only: a text file with the token of each row")
    trainable: bool = Field(False, description="tune the vectors; otherwise they stay as they are")

    @model_validator(mode="after")
    def _tokens_of_rows(self) -> Vectors:
        if self.file.endswith(".npy") != (self.vocabulary is not None):
            raise ValueError(
                "vocabulary: a .npy file needs one, with the token of each row; other files hold their tokens"
            )
        return self


class Model(EncoderConfig):
    """The encoder, and pretrained vectors of its tokens."""

    vectors: Vectors | None = None


class Training(training_config.Training):
    """How the model is fitted."""

    batch_size: int = Field(64, ge=1)
    epochs: int = Field(10, ge=1)
    early_stopping: EarlyStopping = EarlyStopping(patience=2)
    clip_norm: float = Field(1.0, ge=0, description="largest norm of all gradients together; 0 clips nothing")


class Config(Section):
    """The part of a catalog file that belongs to this module."""

    features: Features = Features()
    model: Model
    training: Training = Training()
    tuning: NoTuning = NoTuning()
