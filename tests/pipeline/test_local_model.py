"""`--local` loads a model in a process that has loaded nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import tensorflow as tf

from tests.trainer_modules import text_data
from trainer_modules.text import subwords
from trainer_modules.text.tokenizer_config import Tokenizer as Config
from trainer_modules.text.tokenizers import SubwordTokenizer


class Counter(tf.Module):
    """Answers how many subwords a text has."""

    def __init__(self, tokenizer: SubwordTokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def count(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"count": tf.cast(self.tokenizer.tokenize(text).row_lengths(), tf.int32)}


def test_a_model_with_subwords_answers_in_a_new_process(tmp_path: Path) -> None:
    config = Config(kind="subwords", size=120)
    file = tmp_path / "subwords.model"
    file.write_bytes(subwords.train(text_data.frame(200)["text"], config, 7))
    counter = Counter(SubwordTokenizer(config, file))
    home = tmp_path / "home"
    tf.saved_model.save(
        counter, str(home / "serving" / "pieces" / "1"), signatures={"serving_default": counter.count}
    )
    text = "a film that is worth to be seen"
    command = ["predict", "pieces", "--text", text, "--local", "--output", "json", "--home", str(home)]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *command], capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert json.loads(done.stdout)["count"] == int(counter.count(tf.constant([text]))["count"][0])
