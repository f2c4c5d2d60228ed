"""Files of an evaluation beside TFMA's own, and the channel of a former one."""

VERDICT = "verdict.json"
CONFUSION = "confusion.json"
CALIBRATION = "calibration.json"
MISTAKES = "mistakes"
"""The folder of the worst predictions, with MISTAKES_FILE and pictures."""
MISTAKES_FILE = "mistakes.json"
PREDICTIONS = "predictions.parquet"
UNIGRAM_LOSS = "unigram_loss"
"""Its column of what the frequency of words says, in nats for each token; `loss` is the model's."""
CALIBRATION_BINS = 15
"""Of equal width, over the confidence; as many as in C. Guo et al., "On Calibration of Modern Neural Networks" (2017)."""
SMALLEST_PROBABILITY = 1e-7
"""A smaller one counts as this, so that its logarithm is finite: what Keras does."""
FORMER = "former_evaluation"
BLESSED, OWN = "last blessed", "its own evaluation"
"""What the verdict compares with: another model on the same examples, or the same model on those of its training."""
