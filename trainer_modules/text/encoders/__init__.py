"""Encoders of text, one file each: from embedded tokens [B, T, E] and which of them are real to features [B, F].

Every encoder looks at real tokens alone, so that padding never changes an answer; a text without tokens has one too.
"""

from __future__ import annotations

from typing import Any

from trainer_modules.text.encoders.config import EncoderConfig


def encode(config: EncoderConfig, embedded: Any, real: Any) -> Any:
    """Return the features float32 [B, F] of the encoder that the configuration asks for.

    `embedded` float32 [B, T, E] and `real` bool [B, T] are Keras tensors; real tokens come first in every row.
    """
    # Import statements, not import_module: the fingerprint of a trainer module follows them.
    match config.architecture:
        case "average":
            from trainer_modules.text.encoders.average import encode as read
        case "gru":
            from trainer_modules.text.encoders.gru import encode as read
        case "lstm":
            from trainer_modules.text.encoders.lstm import encode as read
        case "bilstm":
            from trainer_modules.text.encoders.bilstm import encode as read
        case "stacked_lstm":
            from trainer_modules.text.encoders.stacked_lstm import encode as read
        case "textcnn":
            from trainer_modules.text.encoders.textcnn import encode as read
        case "transformer":
            from trainer_modules.text.encoders.transformer import encode as read
    return read(config, embedded, real)
