"""Object stores and HDFS (s3://, gs://, hdfs://) as Arrow's file systems, and their troubles in one line each.

Credentials come from where the stores' own tools look for them: AWS_* and ~/.aws, GOOGLE_APPLICATION_CREDENTIALS, the
configuration of Hadoop. `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` names another store that speaks S3. Arrow is imported
when a store is first asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from common.errors import BadInput, UserError

SCHEMES = ("s3", "gs", "hdfs")
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 60
_RETRY_SECONDS = 15
_ATTEMPTS = 3


def check_uri(uri: str) -> None:
    """Raises BadInput for a scheme that is not known, a URI without a bucket, or one with credentials in it."""
    scheme, _, rest = uri.partition("://")
    authority = rest.partition("/")[0]
    if scheme not in SCHEMES:
        shown = f"{scheme}://{rest.rpartition('@')[2]}"
        raise BadInput(f"{shown}: no store that is known; write s3://bucket/folder, gs://... or hdfs://...")
    if "@" in authority:
        shown = f"{scheme}://{rest.rpartition('@')[2]}"
        raise BadInput(f"{shown}: credentials do not belong into the URI; set them in the environment")
    if scheme != "hdfs" and not authority:
        raise BadInput(f"{uri}: no bucket in it; write {scheme}://bucket/folder")


def opened(uri: str) -> tuple[Any, str]:
    """Arrow's file system for a URI, and the path in it. Raises BadInput as `check_uri`, UserError for other troubles."""
    check_uri(uri)
    scheme, _, rest = uri.partition("://")
    authority, _, path = rest.rstrip("/").partition("/")
    with told(uri):
        store = _store(scheme, authority, _endpoint(scheme), _region() if scheme == "s3" else "")
    if scheme == "hdfs":
        return store, f"/{path}"
    return store, f"{authority}/{path}".rstrip("/")


def forget() -> None:
    """Reads the credentials anew when a store is asked next."""
    _store.cache_clear()


@cache
def _store(scheme: str, authority: str, endpoint: str, region: str) -> Any:
    from pyarrow import fs

    if scheme == "hdfs":
        host, _, port = authority.partition(":")
        return fs.HadoopFileSystem(host or "default", int(port or 0))
    parts = urlsplit(endpoint)
    where = {"endpoint_override": parts.netloc, "scheme": parts.scheme} if endpoint else {}
    if scheme == "gs":
        return fs.GcsFileSystem(
            anonymous=bool(endpoint), retry_time_limit=timedelta(seconds=_RETRY_SECONDS), **where
        )
    return fs.S3FileSystem(
        region=region or ("us-east-1" if endpoint else _region_of(authority)),
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_ANSWER_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        **where,
    )


def _endpoint(scheme: str) -> str:
    """Where a store is that is not the provider's own; without a scheme it is http."""
    names = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), "gs": ("STORAGE_EMULATOR_HOST",)}
    given = next((os.environ[name] for name in names.get(scheme, ()) if os.environ.get(name)), "")
    return given if not given or "://" in given else f"http://{given}"


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""


def _region_of(bucket: str) -> str | None:
    from pyarrow import fs

    try:
        return str(fs.resolve_s3_region(bucket))
    except OSError:
        return None


@contextmanager
def told(uri: str, writes: bool = False) -> Iterator[None]:
    """A store's troubles as errors with one line; that there is no such file to read stays FileNotFoundError."""
    try:
        yield
    except OSError as error:
        message = str(error)
        if isinstance(error, FileNotFoundError) and "NO_SUCH_BUCKET" not in message:
            if not writes:
                raise
            message = "NO_SUCH_BUCKET"
        raise _trouble(uri, message) from None


def _trouble(uri: str, message: str) -> UserError:
    scheme, _, rest = uri.partition("://")
    bucket = f"{scheme}://{rest.partition('/')[0]}"
    endpoint = _endpoint(scheme)
    if "NO_SUCH_BUCKET" in message or ("does not exist" in message and scheme == "gs"):
        return BadInput(f"{uri}: there is no bucket {bucket}; make it, or name another")
    if re.search(
        "INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|EXPIRED_TOKEN|INVALID_CLIENT_TOKEN", message
    ):
        return UserError(f"{uri}: the store does not know these credentials; set those that it knows")
    if re.search("ACCESS_DENIED|HTTP status 403|Permission denied|PERMISSION_DENIED", message):
        return UserError(
            f"{uri}: no permission; give this user the right to list, read, write and delete there"
        )
    if re.search("NETWORK_CONNECTION|curlCode|UNAVAILABLE|[Cc]onnection refused|timed out", message):
        where = endpoint or "the store"
        return UserError(f"{uri}: {where} does not answer; is it up, and is the network?")
    if scheme == "hdfs" and re.search("libhdfs|libjvm", message):
        return UserError(f"{uri}: Hadoop's client is not there: set JAVA_HOME, HADOOP_HOME and CLASSPATH")
    return UserError(f"{uri}: the store says: {' '.join(message.split())[:200]}")
