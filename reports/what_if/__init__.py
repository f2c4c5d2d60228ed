"""The What-If page: a pushed or served model asked about examples that one edits, after Wexler et al., "The What-If Tool" (2019).

`routes(home)` is mounted by `mlpipe ui`. TensorFlow runs in a process of its own (`pipeline.model_process`), or in a model server.
"""

from reports.what_if.endpoints import routes

__all__ = ["routes"]
