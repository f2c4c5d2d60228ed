"""Models that are not what they seem, and servers that break."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

BREAKS = """
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        version = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        body = json.dumps({"model_version_status": [version]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        print("F tensorflow/core/framework/tensor.cc:853] Check failed: dtype() == expected", flush=True)
        os.abort()
flags = dict(flag.lstrip("-").split("=", 1) for flag in sys.argv if flag.startswith("--"))
http.server.HTTPServer((flags["host"], int(flags["rest_api_port"])), Handler).serve_forever()
"""


class Counting(tf.Module):
    """y = x/2 + the number of calls before: it tells when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        before = self.calls.read_value()
        with tf.control_dependencies([before]):
            self.calls.assign_add(1.0)
        return {"y": x / 2 + before}


class Picky(tf.Module):
    """Takes tf.Examples, none of which is good enough."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def __call__(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        feature = tf.io.FixedLenFeature([], tf.float32)
        return {"y": tf.io.parse_example(examples, {"wing": feature})["wing"]}


def save(folder: Path, module: tf.Module) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.__call__})
    return folder
