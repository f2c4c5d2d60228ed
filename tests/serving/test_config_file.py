"""A configuration file that is followed while models come and go."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.config_file import follow
from tests.serving.fakes import FakeLoader, on_loop, push, until
from tests.serving.test_manager import config, make_manager


def write(file: Path, content: ModelServerConfig | bytes) -> None:
    hidden = file.with_suffix(".new")
    hidden.write_bytes(
        content if isinstance(content, bytes) else text_format.MessageToString(content).encode()
    )
    hidden.rename(file)


@on_loop
async def test_a_model_that_never_comes_does_not_keep_the_next_configuration_out(tmp_path: Path):
    a, b = tmp_path / "a", tmp_path / "b"
    push(a, 1)
    push(b, 1)
    file = tmp_path / "models.config"
    manager = make_manager(FakeLoader())
    await manager.start(config(("a", a)))
    write(file, config(("a", a), ("absent", tmp_path / "absent")))
    following = asyncio.create_task(follow(str(file), manager, 0.02))
    await until(lambda: "absent" in manager.available())
    await asyncio.sleep(0.1)
    write(file, config(("b", b)))
    await until(lambda: manager.available() == {"b": [1]})
    following.cancel()
    await manager.close()


@on_loop
async def test_files_that_are_no_configuration_are_told_once_and_change_nothing(tmp_path: Path):
    a = tmp_path / "a"
    push(a, 1)
    file = tmp_path / "models.config"
    manager = make_manager(FakeLoader())
    await manager.start(config(("a", a)))
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("serving.config_file").addHandler(handler)
    following = asyncio.create_task(follow(str(file), manager, 0.02))
    try:
        for content in (b"model_config_list {", b"\xff\xfe", b"model_config_list { config { name: 1 } }"):
            write(file, content)
            known = len(told)
            await until(lambda known=known: len(told) > known)
            await asyncio.sleep(0.1)
            assert len(told) == known + 1
            assert "not taken: Invalid protobuf file" in told[-1]
        assert manager.available() == {"a": [1]}
        push(tmp_path / "b", 1)
        write(file, config(("b", tmp_path / "b")))
        await until(lambda: manager.available() == {"b": [1]})
    finally:
        logging.getLogger("serving.config_file").removeHandler(handler)
        following.cancel()
        await manager.close()
