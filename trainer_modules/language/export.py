"""Export of a language model: the likelihood of texts, and texts that it goes on with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.common import example_requests, export
from trainer_modules.language import generation, likelihood
from trainer_modules.language.generation import Made, Point, Wish
from trainer_modules.language.network import LanguageNetwork
from trainer_modules.language_model_config import MOST_TOKENS, Features
from trainer_modules.text.tokenizers import Tokenizer

Tensors = dict[str, tf.Tensor]
_WISH = {"length": tf.int32, "temperature": tf.float32, "top_k": tf.int32, "seed": tf.int32}
_EXAMPLES = {"length": [8, 8, 8], "temperature": [0.0, 1.0, 1.0], "top_k": [0, 0, 5], "seed": [1, 2, 3]}


class LanguageModule(export.ServingModule):
    """Owns the network, the tokenizer and the transform graph."""

    def __init__(
        self,
        model: LanguageNetwork,
        transform: tft.TFTransformOutput,
        raw_spec: Mapping[str, Any],
        features: Features,
        tokenizer: Tokenizer,
    ) -> None:
        super().__init__(model, transform, raw_spec, [], self._tokens, lambda found: found)
        self.tokenizer = tokenizer
        self._features = features

    def _tokens(self, features: Tensors) -> Tensors:
        """Token ids int32 [B, T]: `seen`, and what `follows` each."""
        ids = self.tokenizer.tokenize(features[f"{self._features.column}_xf"])
        seen, follows = likelihood.of_texts(ids, self._features.whole_texts)
        return {"seen": seen, "follows": follows}

    def predict(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> Tensors:
        """Answer log_likelihood (natural log, of all tokens together) and tokens (how many), float32 [B] each."""
        tokens = self.assemble(self.transform(raw))
        known = tf.cast(tokens["follows"] != Tokenizer.PAD, tf.float32)
        return {
            "log_likelihood": likelihood.log_likelihood(self.model, **tokens),
            "tokens": tf.reduce_sum(known, axis=1),
        }

    def generate(self) -> Any:
        """Signature that goes on with prompts.

        Inputs, of which each row may have its own or all one: `prompt` string [B]; `length` int32, how many tokens are
        added (fewer where a text ends); `temperature` float32 (0: the most probable token each time); `top_k` int32 (0:
        of all tokens); `seed` int32. Answers: `text` string [B], prompt and continuation; `continuation` alone;
        `log_likelihood` float32 and `tokens` int32 of the continuation; and what `continue` takes.
        """
        inputs = {"prompt": tf.TensorSpec([None], tf.string, name="prompt"), **_wish_specs()}

        @tf.function(input_signature=[inputs])
        def generate(asked: Tensors) -> Tensors:
            prompt = asked["prompt"]
            point = generation.begin(self.model, self.tokenizer.tokenize(prompt))
            made = generation.go_on(self.model, point, _wish(asked, tf.size(prompt)), self._may_end)
            text = self._text(made, point.last)
            if self._features.tokenizer.kind != "characters":
                spaced = tf.strings.regex_full_match(prompt, r"(?s)(.*\s)?")
                text = tf.where(spaced, tf.strings.regex_replace(text, r"^ ", ""), text)
            return {"text": prompt + text, "continuation": text, **self._answers(made)}

        return generate

    def go_on(self) -> Any:
        """Signature `continue`: goes on where an earlier answer stopped, without reading the text again.

        Inputs: `state`, `last` and `place` as answered, and those of `generate` but the prompt. Answers as `generate`,
        but the text. With the same seed, many short calls make the same text as one long one.
        """
        packed = self.model.packed_spec()
        inputs = {
            "state": tf.TensorSpec(packed.shape, packed.dtype, name="state"),
            **{name: tf.TensorSpec([None], tf.int32, name=name) for name in ("last", "place")},
            **_wish_specs(),
        }

        @tf.function(input_signature=[inputs])
        def go_on(asked: Tensors) -> Tensors:
            point = Point(self.model.unpacked(asked["state"]), asked["last"], asked["place"])
            made = generation.go_on(self.model, point, _wish(asked, tf.size(point.last)), self._may_end)
            return {"continuation": self._text(made, point.last), **self._answers(made)}

        return go_on

    def example_requests(self, signatures: Mapping[str, Any]) -> example_requests.Requests:
        """Ask it to go on with what it makes by itself, the most probable tokens and at random."""
        wish = {name: tf.constant(_EXAMPLES[name], dtype) for name, dtype in _WISH.items()}
        begun = signatures["generate"]({"prompt": tf.constant([""] * len(wish["seed"])), **wish})
        asked = {
            "generate": {"prompt": begun["text"], **wish},
            "continue": {**{name: begun[name] for name in ("state", "last", "place")}, **wish},
        }
        return {
            signature: [
                {name: tensor[row : row + 1] for name, tensor in inputs.items()}
                for row in range(len(wish["seed"]))
            ]
            for signature, inputs in asked.items()
        }

    @property
    def _may_end(self) -> bool:
        return self._features.whole_texts

    def _text(self, made: Made, before: tf.Tensor) -> tf.Tensor:
        """The text of the new tokens as it reads after the token `before` them, with the space between both."""
        one = tf.RaggedTensor.from_tensor(before[:, tf.newaxis])
        told = self.tokenizer.detokenize(one)
        both = self.tokenizer.detokenize(tf.concat([one, made.tokens], axis=1))
        length = tf.strings.length(told)
        return tf.strings.substr(both, length, tf.strings.length(both) - length)

    def _answers(self, made: Made) -> Tensors:
        return {
            "log_likelihood": made.log_likelihood,
            "tokens": tf.cast(made.tokens.row_lengths(), tf.int32),
            "state": self.model.packed(made.point.state),
            "last": made.point.last,
            "place": made.point.place,
        }


def save(module: LanguageModule, folder: str) -> Any:
    """Write the SavedModel with all signatures, and return `generate`, which need not be traced again."""
    generate = module.generate()
    export.save(module, folder, **{"generate": generate, "continue": module.go_on()})
    return generate


def _wish_specs() -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec([None], dtype, name=name) for name, dtype in _WISH.items()}


def _wish(asked: Tensors, rows: tf.Tensor) -> Wish:
    tf.debugging.assert_less_equal(
        asked["length"],
        MOST_TOKENS,
        f"length: a call makes {MOST_TOKENS} tokens at most; go on with continue",
    )
    tf.debugging.assert_non_negative(asked["length"], "length: must not be negative")
    tf.debugging.assert_greater_equal(asked["temperature"], 0.0, "temperature: must not be negative")
    return Wish(*(tf.broadcast_to(asked[name], [rows]) for name in _WISH))
