"""Tokenizers that live in the graph: text to ids and back, in training and in the exported model alike."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.text import splitting, vocabulary
from trainer_modules.text import tokenizer_config as configs


class Tokenizer(tf.Module):
    """Turns texts into ids and ids into texts; keep it as an attribute of the module that is exported.

    Ids are int32; PAD, UNK, START and END are the same in every tokenizer. `tokenize` adds no START and no END.
    """

    PAD, UNK, START, END = range(configs.RESERVED)

    @property
    def size(self) -> int:
        """Number of ids, the reserved ones among them."""
        raise NotImplementedError

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Return the ids of string [B] as int32 [B, None]; an empty text has none."""
        raise NotImplementedError

    def detokenize(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Return int32 [B, None] as string [B]; PAD, START and END are left out."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """Return the token of each id, in order."""
        raise NotImplementedError

    def digest(self) -> str:
        """Return what tells one set of ids from another: their number and a hash."""
        content = hashlib.sha256("\0".join(self.names()).encode()).hexdigest()[:8]
        return f"{self.size} tokens ({content})"

    def _told(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        silent = (ids == self.PAD) | (ids == self.START) | (ids == self.END)
        return tf.ragged.boolean_mask(ids, tf.logical_not(silent))


class VocabularyTokenizer(Tokenizer):
    """Words or characters with an id each; all others are UNK."""

    RESERVED = (b"[PAD]", b"[UNK]", b"[START]", b"[END]")

    def __init__(self, config: configs.Tokenizer, tokens: Sequence[bytes]) -> None:
        super().__init__()
        self._config = config
        self._names = [*self.RESERVED, *tokens]
        ids = tf.range(configs.RESERVED, len(self._names), dtype=tf.int32)
        self._ids = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(tf.constant(list(tokens), tf.string), ids), self.UNK
        )

    @property
    def size(self) -> int:
        return len(self._names)

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        return tf.ragged.map_flat_values(self._ids.lookup, splitting.tokens(texts, self._config))

    def detokenize(self, ids: tf.RaggedTensor) -> tf.Tensor:
        found = tf.ragged.map_flat_values(
            lambda flat: tf.gather(tf.constant(self._names), flat), self._told(ids)
        )
        if self._config.kind == "words":
            return splitting.joined(found)
        return tf.strings.reduce_join(found, axis=-1)

    def names(self) -> list[str]:
        return [name.decode() for name in self._names]


class SubwordTokenizer(Tokenizer):
    """SentencePiece; its model is in the graph, and goes along as an asset for other programs."""

    def __init__(self, config: configs.Tokenizer, model_file: Path) -> None:
        # A model without subwords must load where TensorFlow Text is not installed.
        import tensorflow_text

        super().__init__()
        self._config = config
        content = model_file.read_bytes()
        # In a SavedModel, tokenizers without a name are one: in the whole process, whatever their models.
        name = f"subwords_{hashlib.sha256(content).hexdigest()[:16]}"
        self._subwords = tensorflow_text.SentencepieceTokenizer(content, out_type=tf.int32, name=name)
        self._size = int(self._subwords.vocab_size())
        self.model_file = tf.saved_model.Asset(str(model_file))

    @property
    def size(self) -> int:
        return self._size

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        return self._subwords.tokenize(splitting.clean(texts, self._config))

    def detokenize(self, ids: tf.RaggedTensor) -> tf.Tensor:
        return self._subwords.detokenize(self._told(ids))

    def names(self) -> list[str]:
        pieces = self._subwords.id_to_string(tf.range(self._size)).numpy()
        return [piece.decode() for piece in pieces]


def make(
    config: configs.Tokenizer,
    transform: tft.TFTransformOutput,
    name: str,
    texts: Iterable[bytes],
    folder: str | Path,
    seed: int,
) -> Tokenizer:
    """Return the tokenizer of a training.

    Words and characters are those of the transform graph's vocabulary `name`. Subwords are learnt from `texts`, the
    train split's, and their model is written to `folder`/`name`.model, which must be there when the module is exported.
    """
    if config.kind != "subwords":
        return VocabularyTokenizer(config, vocabulary.read(transform, name).tokens)
    from trainer_modules.text import subwords

    path = Path(folder) / f"{name}.model"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(subwords.train(_cleaned(texts, config), config, seed))
    found = SubwordTokenizer(config, path)
    logging.info("%s: %d subwords", name, found.size)
    return found


def _cleaned(texts: Iterable[bytes], config: configs.Tokenizer) -> Iterable[str]:
    batches = tf.data.Dataset.from_generator(lambda: texts, output_signature=tf.TensorSpec([], tf.string))
    for batch in batches.batch(1024).map(lambda batch: splitting.clean(batch, config)).as_numpy_iterator():
        yield from (text.decode() for text in batch.tolist())
