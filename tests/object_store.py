"""An object store that speaks S3, of the tests' own: moto's server, on a free port of this machine."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.config import Config

from common import object_stores

KEY, SECRET = "test-key", "hush-s3-51c7"
_PATIENCE = 60


@dataclass
class ObjectStore:
    """A server, and the bucket of a test."""

    port: int
    bucket: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str) -> Any:
        """AWS's own client."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(retries={"max_attempts": 0}),
        )

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def with_bucket(self) -> ObjectStore:
        """The same server, and a bucket that nobody else has."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client("s3").create_bucket(Bucket=name)
        return replace(self, bucket=name)

    def uri(self, key: str = "") -> str:
        return f"s3://{self.bucket}/{key}".rstrip("/")

    def put(self, key: str, content: bytes | str) -> None:
        body = content.encode() if isinstance(content, str) else content
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        return bytes(self.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def keys(self, prefix: str = "") -> list[str]:
        """All objects, without the empty ones that stand for folders."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        listed = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return sorted(key for key in listed if not key.endswith("/"))

    @contextmanager
    def as_reader(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """The environment of a user who may only read; meanwhile the server asks what users may do."""
        iam = self.client("iam")
        name = f"reader-{uuid.uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        allowed = {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*", "s3:Head*"], "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_user_policy(UserName=name, PolicyName="read", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self._ask_for_rights(after=0)
        try:
            patch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
            patch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
            object_stores.forget()
            yield
        finally:
            use(self, patch)
            self._ask_for_rights(after=2**31)

    def _ask_for_rights(self, after: int) -> None:
        url = f"{self.endpoint}/moto-api/reset-auth"
        asked = urllib.request.Request(url, str(after).encode(), {"Content-Type": "text/plain"})
        urllib.request.urlopen(asked).close()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.endpoint}/moto-api/data.json").close()
        except (urllib.error.URLError, ConnectionError):
            return False
        return True


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """A running server without a bucket; stopped afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        store = ObjectStore(probe.getsockname()[1])
    store.start()
    try:
        yield store
    finally:
        store.stop()


def use(store: ObjectStore, patch: pytest.MonkeyPatch) -> None:
    """Sets what a user has in the environment."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_CONFIG_FILE"):
        patch.delenv(name, raising=False)
    patch.setenv("AWS_ENDPOINT_URL", store.endpoint)
    patch.setenv("AWS_ACCESS_KEY_ID", KEY)
    patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    # Else a client without credentials looks for those of a machine in the cloud.
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    object_stores.forget()
