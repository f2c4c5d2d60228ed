"""Which paths of the REST API mean what, and which nothing."""

from __future__ import annotations

import pytest

from serving.errors import ServingError
from serving.rest_errors import HTTP_STATUS, BodyTooLarge, NoSuchPage, http_status
from serving.rest_routes import find_route


@pytest.mark.parametrize(
    ("method", "path", "api", "name", "version", "label"),
    [
        ("POST", "/v1/models/m:predict", "Predict", "m", None, ""),
        ("POST", "/V1/Models/m:classify", "Classify", "m", None, ""),
        ("POST", "/v1/models/m/versions/007:regress", "Regress", "m", 7, ""),
        ("POST", "/v1/models/m/versions/0:predict", "Predict", "m", 0, ""),
        ("POST", "/v1/models/m/versions/9223372036854775807:predict", "Predict", "m", 2**63 - 1, ""),
        ("POST", "/v1/models/m/labels/can%2Fary:predict", "Predict", "m", None, "can/ary"),
        ("POST", "/v1/models/%2e%2e%2Fm:predict", "Predict", "../m", None, ""),
        ("POST", "/v1/models/..:predict", "Predict", "..", None, ""),
        ("POST", "/v1/models/m%C3%BCll%3A:predict", "Predict", "müll:", None, ""),
        ("POST", "/v1/models/%ff%zz:predict", "Predict", "\ufffd%zz", None, ""),
        ("GET", "/v1/models/m", "GetModelStatus", "m", None, ""),
        ("GET", "/v1/models/m?x=1", "GetModelStatus", "m?x=1", None, ""),
        ("GET", "/v1/models/m/versions/3", "GetModelStatus", "m", 3, ""),
        ("GET", "/v1/models/m/labels/stable", "GetModelStatus", "m", None, "stable"),
        ("GET", "/v1/models/m/metadata", "GetModelMetadata", "m", None, ""),
        ("GET", "/v1/models/m/versions/3/metadata", "GetModelMetadata", "m", 3, ""),
        ("GET", "/v1/models/m/labels/stable/metadata", "GetModelMetadata", "m", None, "stable"),
        ("GET", "/v1/models/metadata", "GetModelStatus", "metadata", None, ""),
    ],
)
def test_routes(method: str, path: str, api: str, name: str, version: int | None, label: str) -> None:
    route = find_route(method, path)
    assert (route.api, route.spec.name, route.spec.version_label) == (api, name, label)
    assert (route.spec.version.value if route.spec.HasField("version") else None) == version


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/foo"),
        ("POST", "/v1/foo"),
        ("POST", "/v1/models"),
        ("POST", "/v1/models/m"),
        ("POST", "/v1/models/m:PREDICT"),
        ("POST", "/v1/models/m:predict/"),
        ("POST", "/v1/models/m:predict?x=1"),
        ("POST", "/v1/models/:predict"),
        ("POST", "/v1/models/m/metadata"),
        ("POST", "/v1/models/m/version/50:regress"),
        ("POST", "/v1/models/m/versions/HELLO:regress"),
        ("POST", "/v1/models/m/versions/-1:predict"),
        ("POST", "/v1/models/m/versions/٣:predict"),
        ("POST", "/v1/models/m/label/some_label:regress"),
        ("POST", "/v1/models/m/versions/50/labels/some_label:regress"),
        ("POST", "/v1/models/../m:predict"),
        ("GET", "/v1/models/m:predict"),
        ("GET", "/v1/models/debug/m"),
        ("GET", "/v1/models/m/"),
        ("GET", "/v1/models/"),
        ("HEAD", "/v1/models/m"),
        ("PUT", "/v1/models/m:predict"),
        ("DELETE", "/v1/models/m"),
        ("OPTIONS", "/v1/models/m:predict"),
    ],
)
def test_malformed_requests(method: str, path: str) -> None:
    with pytest.raises(ServingError) as error:
        find_route(method, path)
    assert error.value.message == f"Malformed request: {method} {path}"
    assert http_status(error.value) == 400


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v2/models/m", "/statuspage", "/monitoring/prometheus/metrics"]
)
def test_other_paths_are_not_there(path: str) -> None:
    with pytest.raises(NoSuchPage) as error:
        find_route("GET", path)
    assert (error.value.code.name, http_status(error.value)) == ("NOT_FOUND", 404)


def test_a_model_is_named() -> None:
    for path in ("/v1/models", "/v1/models/metadata/metadata/metadata", "/v1/models/versions/1"):
        with pytest.raises(ServingError) as error:
            find_route("GET", path)
        expected = "Malformed" if path.count("metadata") > 2 else "Missing model name in request."
        assert error.value.message.startswith(expected)


@pytest.mark.parametrize("number", ["9223372036854775808", "18446744073709551615", "9" * 5000])
def test_versions_fit_into_64_bits(number: str) -> None:
    with pytest.raises(ServingError) as error:
        find_route("POST", f"/v1/models/m/versions/{number}:regress")
    assert error.value.message == f"Failed to convert version: {number} to numeric."


def test_each_code_has_its_status() -> None:
    statuses = {code.name: status for code, status in HTTP_STATUS.items()}
    assert statuses == {
        "OK": 200,
        "CANCELLED": 499,
        "UNKNOWN": 500,
        "INVALID_ARGUMENT": 400,
        "DEADLINE_EXCEEDED": 504,
        "NOT_FOUND": 404,
        "ALREADY_EXISTS": 409,
        "PERMISSION_DENIED": 403,
        "UNAUTHENTICATED": 401,
        "RESOURCE_EXHAUSTED": 429,
        "FAILED_PRECONDITION": 400,
        "ABORTED": 409,
        "OUT_OF_RANGE": 400,
        "UNIMPLEMENTED": 501,
        "INTERNAL": 500,
        "UNAVAILABLE": 503,
        "DATA_LOSS": 500,
    }
    assert http_status(BodyTooLarge(5)) == 413
