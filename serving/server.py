"""The model server as a process: `python -m serving.server --model_name=m --model_base_path=/models/m`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence

from common.errors import UserError
from serving.errors import ServingError
from serving.logs import (
    configure_logs,
    give_up_unwritable_log,
    native_chatter_kept_back,
    open_closed_streams,
)
from serving.options import ignored_flags, parse_options

log = logging.getLogger("serving")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT. Exit code: 0, 2 for wrong flags, files or addresses, 1 when no model can be served."""
    open_closed_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse_options(arguments)
    configure_logs(access_log=options.access_log)
    for line in ignored_flags(arguments):
        log.warning("%s", line)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow takes seconds to import: wrong flags are told before.
    with native_chatter_kept_back():
        from serving.assembly import serve
        from serving.devices import find_devices

        devices = find_devices()
    log.info("TensorFlow runs on %s", devices)
    try:
        asyncio.run(serve(options))
    except UserError as error:
        log.error("%s", error)
        return error.exit_code
    except ServingError as error:
        log.error("Failed to start server. Error: %s: %s", error.code.name, error.message)
        return 1
    finally:
        give_up_unwritable_log()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        # While TensorFlow is imported; later the server takes the signal itself.
        sys.exit(128 + signal.SIGINT)
