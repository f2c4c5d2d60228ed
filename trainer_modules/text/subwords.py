"""A subword model learnt from the texts of the train split.

Source: T. Kudo, J. Richardson, "SentencePiece" (2018); unigram: T. Kudo, "Subword regularization" (2018); BPE:
R. Sennrich et al., "Neural machine translation of rare words with subword units" (2016).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import sentencepiece

from common.errors import BadInput
from trainer_modules.text.tokenizer_config import Tokenizer

_LINES = 10_000
_LINE = 1000


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Fill lines with the words of the texts: SentencePiece leaves out long lines, and samples by the line."""
    line: list[str] = []
    length = 0
    for text in texts:
        for word in text.split():
            word = word[:_LINE]
            if line and length + len(word) > _LINE:
                yield " ".join(line)
                line, length = [], 0
            line.append(word)
            length += len(word) + 1
    if line:
        yield " ".join(line)


def train(texts: Iterable[str], config: Tokenizer, seed: int) -> bytes:
    """Return the model learnt from a sample of the texts (10 MB at most), with the reserved ids of `tokenizers.Tokenizer`.

    The same texts and seed give the same model. Raises BadInput when there is no text, or too few characters.
    """
    sentencepiece.set_random_generator_seed(seed)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_lines(texts),
            model_writer=model,
            vocab_size=config.size,
            hard_vocab_limit=False,
            model_type=config.subword_model,
            pad_id=0,
            unk_id=1,
            bos_id=2,
            eos_id=3,
            input_sentence_size=_LINES,
            shuffle_input_sentence=True,
            num_threads=2,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        raise BadInput(
            f"trainer.features.tokenizer: SentencePiece cannot learn {config.size} subwords from the train split "
            f"({str(error).splitlines()[-1]}): set another size or add texts"
        ) from error
    return model.getvalue()
