"""Two vectors for every word, as a centre and as a context, learnt by skip-gram or GloVe.

Both give P(context | centre), normalised over the vocabulary; the loss of the `valid` split is its mean negative
logarithm, so that both objectives are judged by the same figure.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

_SCORES = 2**24
"""Numbers that are held at a time."""


def centres_at_once(size: int) -> int:
    """Return how many centres are scored against all `size` words together."""
    return max(1, _SCORES // size)


class Embeddings(keras.Model):
    """Vectors and what is fixed of the words.

    log P(c | w) = scale * w . c + offset(c) - the logarithm of the sum of exp of the same over all contexts. `bias` float
    [V] is learnt, what it begins with is given; `prior` float [V] is what the objective leaves out of its scores. Of
    `SCALES` that is taken which makes the `valid` split most probable.
    """

    SCALES: tuple[float, ...] = (1.0,)

    def __init__(self, size: int, dimensions: int, bias: np.ndarray, prior: np.ndarray, seed: int) -> None:
        super().__init__()
        self.size, self.dimensions = size, dimensions
        narrow = keras.initializers.RandomUniform(-0.5 / dimensions, 0.5 / dimensions, seed=seed)
        self.words = self.add_weight((size, dimensions), initializer=narrow, name="words")
        self.contexts = self.add_weight((size, dimensions), initializer="zeros", name="contexts")
        self.bias = self.add_weight((size,), initializer="zeros", name="context_bias")
        self.prior = self.add_weight((size,), initializer="zeros", trainable=False, name="prior")
        self.scale = self.add_weight((), initializer="ones", trainable=False, name="scale")
        self.bias.assign(bias)
        self.prior.assign(prior)
        self.mean = keras.metrics.Mean(name="loss")
        self.built = True
        self.measured = [keras.metrics.Mean(name=f"loss_of_{scale}") for scale in self.SCALES]

    @abstractmethod
    def objective(self, *batch: tf.Tensor) -> tf.Tensor:
        """Return the loss of a batch, a scalar."""

    @abstractmethod
    def vectors(self) -> np.ndarray:
        """Return the vectors of the words as they are used, float32 [V, dimensions]."""

    @abstractmethod
    def offsets(self) -> tf.Tensor:
        """Return what each context adds to every score, float32 [V]."""

    def call(self, centres: tf.Tensor) -> tf.Tensor:
        """Return log P [B, V] of every context of the centres int32 [B]."""
        return tf.nn.log_softmax(self.scale.value * self._near(centres) + self.offsets())

    def _near(self, centres: tf.Tensor) -> tf.Tensor:
        return tf.matmul(tf.gather(self.words.value, centres), self.contexts.value, transpose_b=True)

    def scores(self, centres: tf.Tensor, contexts: tf.Tensor) -> tf.Tensor:
        """Return w . c + bias(c), [B, K], of centres [B] and contexts [B, K]."""
        found = tf.gather(self.contexts.value, contexts)
        near = tf.einsum("bd,bkd->bk", tf.gather(self.words.value, centres), found)
        return near + tf.gather(self.bias.value, contexts)

    def log_normalisers(self) -> np.ndarray:
        """Return for each centre [V] the logarithm of the sum over all contexts."""
        rows, offsets = centres_at_once(self.size), self.offsets()
        found = [np.zeros(0, np.float32)]
        for start in range(0, self.size, rows):
            near = self._near(tf.range(start, min(start + rows, self.size)))
            found.append(tf.reduce_logsumexp(self.scale.value * near + offsets, axis=1).numpy())
        return np.concatenate(found)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step of the optimizer."""
        variables = [variable.value for variable in self.trainable_variables]
        with tf.GradientTape() as tape:
            loss = self.objective(*data)
        self.optimizer.apply(tape.gradient(loss, variables), self.trainable_variables)
        self.mean.update_state(loss)
        return {"loss": self.mean.result()}

    def test_step(self, data: Any) -> dict[str, Any]:
        """Add up what some centres [R] and their pairs give: the centre's row [P], the context [P], how often [P]."""
        centres, rows, contexts, counts = data
        near, offsets = self._near(centres), self.offsets()
        place = tf.stack([rows, contexts], axis=1)
        for scale, mean in zip(self.SCALES, self.measured, strict=True):
            found = tf.gather_nd(tf.nn.log_softmax(scale * near + offsets), place)
            mean.update_state(-found, sample_weight=counts)
        loss = tf.reduce_min(tf.stack([mean.result() for mean in self.measured]))
        return {"loss": loss, "perplexity": tf.exp(loss)}

    def calibrate(self, batches: Iterable[Any]) -> None:
        """Take the scale that makes the pairs of these batches most probable."""
        for mean in self.measured:
            mean.reset_state()
        for batch in batches:
            self.test_step(batch)
        losses = [float(mean.result()) for mean in self.measured]
        self.scale.assign(self.SCALES[int(np.argmin(losses))])


class SkipGram(Embeddings):
    """Tells contexts from words that were drawn at random, by logistic regression.

    Its score of a pair becomes log P(c | w) - log(negatives) - log Q(c), Q being the distribution of the draw (O. Levy,
    Y. Goldberg, "Neural word embedding as implicit matrix factorization", 2014); `prior` puts log Q(c) back. A bias for
    each context, which the paper does not have, keeps its frequency out of the vectors. Source: T. Mikolov et al.,
    "Distributed representations of words and phrases and their compositionality" (2013), section 2.2.
    """

    def objective(self, *batch: tf.Tensor) -> tf.Tensor:
        """Return the mean over pairs of centres [B], contexts [B] and negatives [B, K]."""
        centres, contexts, negatives = batch
        scores = self.scores(centres, tf.concat([contexts[:, tf.newaxis], negatives], axis=1))
        # -log sigmoid(x) = softplus(-x), of the context; of the others -log sigmoid(-x).
        signed = tf.concat([-scores[:, :1], scores[:, 1:]], axis=1)
        return tf.reduce_mean(tf.reduce_sum(tf.nn.softplus(signed), axis=1))

    def offsets(self) -> tf.Tensor:
        """Return the bias, and what the draw and the thinning out of frequent words made of it."""
        return self.bias.value + self.prior.value

    def vectors(self) -> np.ndarray:
        """Return the vectors of centres."""
        return self.words.numpy()


class GloVe(Embeddings):
    """Fits the logarithms of the counts of co-occurrence by weighted least squares.

    It never sees that two words do not stand together, so that w . c is too large for most of them: P(c | w) is
    proportional to P(c) * exp(scale * w . c), the scale chosen on the `valid` split (C. Guo et al., "On calibration of
    modern neural networks", 2017, section 4.2). `prior` is log P(c); the biases are left out. Source: J. Pennington et al., "GloVe: global vectors for word representation" (2014), equations 8 and 9; section 4.2
    for the sum of both vectors.
    """

    SCALES = tuple(step / 10 for step in range(1, 11))

    def __init__(
        self,
        size: int,
        dimensions: int,
        word_bias: np.ndarray,
        prior: np.ndarray,
        seed: int,
        x_max: float,
        alpha: float,
    ) -> None:
        super().__init__(size, dimensions, prior, prior, seed)
        self.word_bias = self.add_weight((size,), initializer="zeros", name="word_bias")
        self.word_bias.assign(word_bias)
        self.x_max, self.alpha = x_max, alpha

    def objective(self, *batch: tf.Tensor) -> tf.Tensor:
        """Return the mean over pairs of centres [B], contexts [B] and counts float [B]."""
        centres, contexts, counts = batch
        scores = self.scores(centres, contexts[:, tf.newaxis])[:, 0]
        scores += tf.gather(self.word_bias.value, centres)
        weights = tf.minimum(1.0, (counts / self.x_max) ** self.alpha)
        return tf.reduce_mean(weights * (scores - tf.math.log(counts)) ** 2)

    def offsets(self) -> tf.Tensor:
        """Return log P(c)."""
        return self.prior.value

    def vectors(self) -> np.ndarray:
        """Return the sums of the vectors of centres and contexts."""
        return self.words.numpy() + self.contexts.numpy()
