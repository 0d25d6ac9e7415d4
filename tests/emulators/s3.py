"""An S3 that checks signatures and IAM policies: moto's server, filled with botocore."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import botocore.session

from tests.emulators.processes import free_port, running

REGION = "eu-west-1"
# The calls of `_new_user` for the administrator; from then on every call must be signed and allowed.
_CALLS_BEFORE_CHECKS = 3


@dataclass(frozen=True)
class AccessKey:
    """What a user signs with."""

    key_id: str
    secret: str


def _client(service: str, url: str, key: AccessKey) -> Any:
    return botocore.session.Session().create_client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key.key_id,
        aws_secret_access_key=key.secret,
    )


def _new_user(iam: Any, actions: Iterable[str]) -> AccessKey:
    name = f"user-{secrets.token_hex(4)}"
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="allowed", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return AccessKey(made["AccessKeyId"], made["SecretAccessKey"])


class S3Emulator:
    """A running S3 with one bucket; `administrator` may do everything."""

    bucket_field: ClassVar[str] = "bucket"

    def __init__(self, url: str) -> None:
        nobody = AccessKey(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_hex(20))
        self.url = url
        self.administrator = _new_user(_client("iam", url, nobody), ["*"])
        self._iam = _client("iam", url, self.administrator)
        self._s3 = _client("s3", url, self.administrator)
        self.bucket = self.new_bucket()

    @classmethod
    @contextmanager
    def running(cls) -> Generator[S3Emulator]:
        """The emulator, while it runs."""
        port = free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with running(command, port, {"INITIAL_NO_AUTH_ACTION_COUNT": str(_CALLS_BEFORE_CHECKS)}):
            emulator = cls(f"http://127.0.0.1:{port}")
            yield emulator
            emulator.close()

    def close(self) -> None:
        """Close the connections of the filling clients."""
        self._iam.close()
        self._s3.close()

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment of a server that is to use this emulator."""
        return {"VIDEOVECTOR_S3_ENDPOINT": self.url}

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """The arguments of a create_s3_connector that works, with changes."""
        return self.arguments_of(self.administrator, **changes)

    def arguments_of(self, key: AccessKey, **changes: Any) -> dict[str, Any]:
        """The same with a user's access key."""
        secret = {"aws_access_key_id": key.key_id, "aws_secret_access_key": key.secret}
        return {"name": "Media on S3", "bucket": self.bucket, "region": REGION, **secret, **changes}

    def wrong_secret_arguments(self) -> dict[str, Any]:
        """The same with a secret that is not the key's."""
        return self.arguments(aws_secret_access_key=secrets.token_urlsafe(30))

    def unknown_key_arguments(self) -> dict[str, Any]:
        """The same with an access key that nobody has."""
        return self.arguments(aws_access_key_id=f"AKIA{secrets.token_hex(8).upper()}")

    def new_user(self, *actions: str) -> AccessKey:
        """A user who is allowed only these actions, such as `s3:GetObject`."""
        return _new_user(self._iam, actions)

    def new_bucket(self) -> str:
        """The name of a bucket that is empty."""
        bucket = f"media-{secrets.token_hex(6)}"
        self.make_bucket(bucket)
        return bucket

    def make_bucket(self, bucket: str) -> None:
        """Make a bucket of this name, if there is none yet."""
        with suppress(self._s3.exceptions.BucketAlreadyOwnedByYou):
            self._s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    def put(self, key: str, content: bytes = b"content", *, bucket: str = "") -> None:
        """Store an object."""
        self._s3.put_object(Bucket=bucket or self.bucket, Key=key, Body=content)

    def keys(self, *, bucket: str = "") -> list[str]:
        """All keys, in the provider's order."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket or self.bucket)
        return [stored["Key"] for page in pages for stored in page.get("Contents", [])]
