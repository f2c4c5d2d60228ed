"""From text to tokens as strings, in the graph; the same in Transform, in training and in serving."""

from __future__ import annotations

import tensorflow as tf

from trainer_modules.text.tokenizer_config import Tokenizer

_TAG = r"</?[A-Za-z][^<>]*>|<!--.*?-->"
_ENTITIES = (
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", '"'),
    ("&#39;|&apos;", "'"),
    ("&nbsp;", " "),
    ("&amp;", "&"),
)
_SPACES = r"[\s\p{Z}\x{85}]+"
# These scripts put no space between words: each of their characters is a token.
_IDEOGRAPH = r"[\p{Han}\p{Hiragana}]"
_NUMBER = r"\p{N}+(?:[.,]\p{N}+)+"
# Letters, marks and digits, with what joins them within a word: the apostrophe, and joiners of Persian and Hindi.
_WORD = r"[\p{L}\p{M}\p{N}_]+(?:['’\x{B7}\x{200C}\x{200D}][\p{L}\p{M}\p{N}_]+)*"
_SYMBOL = r"[^\s\p{L}\p{M}\p{N}_\p{Z}][\p{M}\x{1F3FB}-\x{1F3FF}]*"
# Emoji may be drawn as one from several, with a joiner or (flags) as a pair.
_SYMBOLS = rf"[\x{{1F1E6}}-\x{{1F1FF}}]{{2}}|{_SYMBOL}(?:\x{{200D}}{_SYMBOL})*"
_TOKEN = rf"{_NUMBER}|{_WORD}|{_SYMBOLS}|\p{{M}}+"


def clean(texts: tf.Tensor, config: Tokenizer) -> tf.Tensor:
    """Return the texts [B] as valid UTF-8, without HTML and in lower case where the configuration says so."""
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    if config.strip_html:
        texts = tf.strings.regex_replace(texts, _TAG, " ")
        for name, character in _ENTITIES:
            texts = tf.strings.regex_replace(texts, name, character)
    return tf.strings.lower(texts, encoding="utf-8") if config.lowercase else texts


def words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Return words, numbers, punctuation marks and symbols, [B, None] string; white space is left out."""
    texts = tf.strings.regex_replace(texts, _SPACES, " ")
    texts = tf.strings.regex_replace(texts, _IDEOGRAPH, r" \0 ")
    texts = tf.strings.regex_replace(texts, _TOKEN, r" \0 ")
    return tf.strings.split(texts)


def characters(texts: tf.Tensor) -> tf.RaggedTensor:
    """Return the Unicode characters, white space among them, [B, None] string."""
    return tf.strings.unicode_split(texts, "UTF-8")


def tokens(texts: tf.Tensor, config: Tokenizer) -> tf.RaggedTensor:
    """Return the words or characters of texts [B], as [B, None] string."""
    cleaned = clean(texts, config)
    return words(cleaned) if config.kind == "words" else characters(cleaned)


def joined(words: tf.RaggedTensor) -> tf.Tensor:
    """Return [B] texts with a space between words, but not before closing and after opening punctuation."""
    texts = tf.strings.reduce_join(words, axis=-1, separator=" ")
    texts = tf.strings.regex_replace(texts, r" ([.,;:!?%)\]}»”…،؛؟。、，！？])", r"\1")
    return tf.strings.regex_replace(texts, r"([(\[{«“¿¡]) ", r"\1")
