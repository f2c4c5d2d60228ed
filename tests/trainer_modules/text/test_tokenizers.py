from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from common.errors import BadInput
from tests.trainer_modules import text_data
from trainer_modules.text import splitting, subwords
from trainer_modules.text.tokenizer_config import Tokenizer as Config
from trainer_modules.text.tokenizers import SubwordTokenizer, Tokenizer, VocabularyTokenizer


def split(text: str | bytes, **settings: object) -> list[str]:
    [found] = splitting.tokens(tf.constant([text]), Config(**settings)).to_list()
    return [token.decode() for token in found]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\n ", []),
        ("Don't stop: it's 3.14, or 1,000!", ["don't", "stop", ":", "it's", "3.14", ",", "or", "1,000", "!"]),
        ("great.The end...", ["great", ".", "the", "end", ".", ".", "."]),
        ("well-known snake_case 'quoted'", ["well", "-", "known", "snake_case", "'", "quoted", "'"]),
        ("ÉCOLE Straße l’été", ["école", "straße", "l’été"]),
        ("e\u0301cole", ["e\u0301cole"]),
        ("a\u00a0b\u3000c\u2028d\u0085e", ["a", "b", "c", "d", "e"]),
        ("👍🏽👍 ❤️!", ["👍🏽", "👍", "❤️", "!"]),
        ("👨‍👩‍👧🇸🇪🇳🇴", ["👨‍👩‍👧", "🇸🇪", "🇳🇴"]),
        ("مرحبا بالعالم، كيف؟", ["مرحبا", "بالعالم", "،", "كيف", "؟"]),
        ("می‌خواهم שלום", ["می‌خواهم", "שלום"]),
        ("漢字かなカタカナ abc漢", ["漢", "字", "か", "な", "カタカナ", "abc", "漢"]),
        (b"\xff\xfe bad", ["�", "�", "bad"]),
        ("a < b <br />c &amp; d", ["a", "<", "b", "<", "br", "/", ">", "c", "&", "amp", ";", "d"]),
    ],
)
def test_words(text: str | bytes, words: list[str]) -> None:
    assert split(text) == words


def test_words_keep_their_capitals_where_asked_to() -> None:
    assert split("The İstanbul Film", lowercase=False) == ["The", "İstanbul", "Film"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Good.<br /><br />Bad <b class='x'>movie</b><!-- no -->!", "good . bad movie !"),
        ("a < b and c > d, 5<6", "a < b and c > d , 5 < 6"),
        (
            "&lt;br&gt; &amp;lt; R&amp;B &quot;x&quot; it&#39;s&nbsp;so",
            '< br > &lt ; r & b " x " it\'s so'.replace("&lt ;", "& lt ;"),
        ),
    ],
)
def test_html_is_stripped(text: str, words: str) -> None:
    assert split(text, strip_html=True) == words.split()


def test_characters() -> None:
    assert split("Aé\n漢 👍🏽", kind="characters", lowercase=False) == ["A", "é", "\n", "漢", " ", "👍", "🏽"]
    assert split("", kind="characters") == []


def of_words(*known: str, **settings: object) -> VocabularyTokenizer:
    return VocabularyTokenizer(Config(**settings), [word.encode() for word in known])


def test_ids_of_words_and_back() -> None:
    tokenizer = of_words("the", "film", ",", "(", ")", ".")
    ids = tokenizer.tokenize(tf.constant(["The film, (THE film).", "", "a film"]))
    assert ids.dtype == tf.int32
    assert ids.to_list() == [[4, 5, 6, 7, 4, 5, 8, 9], [], [1, 5]]
    assert tokenizer.size == 10
    assert tokenizer.names() == ["[PAD]", "[UNK]", "[START]", "[END]", "the", "film", ",", "(", ")", "."]
    told = tokenizer.detokenize(
        tf.ragged.constant([[2, 4, 5, 6, 7, 4, 5, 8, 9, 3, 0], [], [1, 5]], dtype=tf.int32)
    )
    assert [text.decode() for text in told.numpy()] == ["the film, (the film).", "", "[UNK] film"]


def test_ids_of_characters_and_back() -> None:
    tokenizer = of_words("a", "\n", " ", kind="characters")
    ids = tokenizer.tokenize(tf.constant(["A\na b", ""]))
    assert ids.to_list() == [[4, 5, 4, 6, 1], []]
    assert tokenizer.detokenize(ids)[0].numpy() == b"a\na [UNK]"


def test_a_very_long_text() -> None:
    tokenizer = of_words("word")
    assert tokenizer.tokenize(tf.constant(["word " * 1_000_000])).row_lengths().numpy().tolist() == [
        1_000_000
    ]


class Exported(tf.Module):
    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def __call__(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = self.tokenizer.tokenize(text)
        return {"ids": ids.to_tensor(), "text": self.tokenizer.detokenize(ids)}


def learnt(model: str = "unigram", size: int = 100) -> tuple[Config, bytes]:
    config = Config(kind="subwords", size=size, subword_model=model, strip_html=True)
    return config, subwords.train(text_data.frame(200)["text"], config, 7)


@pytest.mark.parametrize("model", ["unigram", "bpe"])
def test_subwords(model: str, tmp_path: Path) -> None:
    config, content = learnt(model)
    assert content == learnt(model)[1]
    (tmp_path / "text.model").write_bytes(content)
    tokenizer = SubwordTokenizer(config, tmp_path / "text.model")
    assert tokenizer.size <= 100
    assert len(tokenizer.names()) == tokenizer.size
    ids = tokenizer.tokenize(tf.constant(["The film is lovely!<br />", "", "Θ"]))
    assert ids.dtype == tf.int32
    assert [name.replace("▁", " ") for name in map(tokenizer.names().__getitem__, ids[0].numpy())] != []
    assert [text.decode().strip() for text in tokenizer.detokenize(ids).numpy()] == [
        "the film is lovely!",
        "",
        "⁇",
    ]
    assert ids.row_lengths()[1] == 0
    assert ids[2].numpy()[-1] == Tokenizer.UNK
    assert not set(ids.flat_values.numpy().tolist()) & {Tokenizer.PAD, Tokenizer.START, Tokenizer.END}
    framed = tf.concat([[[Tokenizer.START]], ids[:1], [[Tokenizer.END, Tokenizer.PAD]]], axis=1)
    assert tokenizer.detokenize(framed)[0].numpy().decode() == "the film is lovely!"


def test_tokenizers_of_loaded_models_are_their_own(tmp_path: Path) -> None:
    """Two in one module, and the modules of two versions, in one process; one is unloaded."""

    class Module(tf.Module):
        def __init__(self, *alphabets: str) -> None:
            super().__init__()
            config = Config(kind="subwords", size=40)
            self.tokenizers = []
            for letters in alphabets:
                texts = [" ".join(a + b + c for a in letters for b in letters for c in letters)] * 5
                file = tmp_path / f"{letters}.model"
                file.write_bytes(subwords.train(texts, config, 7))
                self.tokenizers.append(SubwordTokenizer(config, file))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def known(self, texts: tf.Tensor) -> list[tf.Tensor]:
            """How many pieces of each text each tokenizer knows."""
            found = [tokenizer.tokenize(texts) for tokenizer in self.tokenizers]
            return [tf.reduce_sum(tf.cast(ids > Tokenizer.UNK, tf.int32), axis=1) for ids in found]

    for version, alphabets in enumerate([("abc", "xyz"), ("klm", "abc")]):
        tf.saved_model.save(Module(*alphabets), str(tmp_path / str(version)))

    texts = tf.constant(["abcabc", "xyzxyz", "klmklm"])

    def knows(loaded: Any) -> list[list[bool]]:
        return [(counts.numpy() > 1).tolist() for counts in loaded.known(texts)]

    first, second = (tf.saved_model.load(str(tmp_path / str(version))) for version in (0, 1))
    assert knows(first) == [[True, False, False], [False, True, False]]
    assert knows(second) == [[False, False, True], [True, False, False]]
    del first
    gc.collect()
    assert knows(second) == [[False, False, True], [True, False, False]]


def test_subwords_need_text() -> None:
    with pytest.raises(
        BadInput, match=r"trainer.features.tokenizer: SentencePiece cannot learn 100 subwords"
    ):
        subwords.train([], Config(kind="subwords", size=100), 7)


@pytest.mark.parametrize("kind", ["words", "subwords"])
def test_the_exported_tokenizer_needs_no_python(kind: str, tmp_path: Path) -> None:
    if kind == "words":
        tokenizer: Tokenizer = of_words("the", "film")
    else:
        config, content = learnt()
        (tmp_path / "text.model").write_bytes(content)
        tokenizer = SubwordTokenizer(config, tmp_path / "text.model")
    texts = tf.constant(["the film", "the", ""])
    expected = Exported(tokenizer)(texts)
    tf.saved_model.save(Exported(tokenizer), str(tmp_path / "export"))
    if kind == "subwords":
        assert (tmp_path / "export" / "assets" / "text.model").read_bytes() == content
        (tmp_path / "text.model").unlink()
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        signature = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path / "export")).signature_def
        outputs = {name: info.name for name, info in signature["serving_default"].outputs.items()}
        [fed] = [info.name for info in signature["serving_default"].inputs.values()]
        found = session.run(outputs, {fed: texts.numpy()})
    assert found["ids"].tolist() == expected["ids"].numpy().tolist()
    assert found["text"].tolist() == [b"the film", b"the", b""]
