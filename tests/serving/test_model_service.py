"""Status and reload requests, as messages."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest

from serving.errors import ServingError
from serving.model_service import get_model_status, handle_reload_config
from tests.serving.fakes import FakeLoader, on_loop, push, until
from tests.serving.test_manager import config, make_manager, spec


@on_loop
async def test_the_status_of_all_versions_of_one_and_of_none(tmp_path: Path):
    base = tmp_path / "m"
    push(base, 1)
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", base)))
    push(base, 2, None)
    request = GetModelStatusRequest(model_spec=spec("m"))
    await until(
        lambda: get_model_status(manager, request).model_version_status[0].state == ModelVersionStatus.END
    )
    failed, good = get_model_status(manager, request).model_version_status
    assert (failed.version, good.version) == (2, 1)
    assert failed.status.error_code == grpc.StatusCode.INTERNAL.value[0]
    assert "FileNotFoundError" in failed.status.error_message
    assert good.state == ModelVersionStatus.AVAILABLE
    assert (good.status.error_code, good.status.error_message) == (0, "")
    (only,) = get_model_status(manager, GetModelStatusRequest(model_spec=spec("m", 1))).model_version_status
    assert only == good
    for wrong, code, message in (
        (GetModelStatusRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (GetModelStatusRequest(model_spec=spec("n")), "NOT_FOUND", "Could not find any versions of model n"),
        (GetModelStatusRequest(model_spec=spec("m", 9)), "NOT_FOUND", "Could not find version 9 of model m"),
        (
            GetModelStatusRequest(model_spec=spec("m", label="stable")),
            "INVALID_ARGUMENT",
            "Unrecognized servable version label: stable",
        ),
    ):
        with pytest.raises(ServingError) as error:
            get_model_status(manager, wrong)
        assert (error.value.code.name, error.value.message) == (code, message)
    await manager.close()


@on_loop
async def test_a_reload(tmp_path: Path):
    for name in ("m", "n"):
        push(tmp_path / name, 1)
    manager = make_manager(FakeLoader())
    await manager.start(config(("m", tmp_path / "m")))
    request = ReloadConfigRequest(config=config(("n", tmp_path / "n")))
    response = await handle_reload_config(manager, request)
    assert response.HasField("status")
    assert response.status.error_code == 0
    assert manager.available()["n"] == [1]

    custom = ReloadConfigRequest()
    custom.config.custom_model_config.SetInParent()
    for wrong in (ReloadConfigRequest(), custom):
        with pytest.raises(ServingError) as error:
            await handle_reload_config(manager, wrong)
        assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
        assert error.value.message == (
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    twice = config(("n", tmp_path / "n"), ("n", tmp_path / "n"))
    with pytest.raises(ServingError, match="Illegal to list model n multiple times in config list"):
        await handle_reload_config(manager, ReloadConfigRequest(config=twice))
    assert manager.available()["n"] == [1]
    await manager.close()
