"""An errand for a page with nothing behind it: of what it is given it remembers a digest. And a clock for its time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field

import anyio

from mcp_server.credentials.errand import FormField, Refusal

S3_FACTS = (
    ("Name", "Archive S3"),
    ("Bucket", "media-archive"),
    ("Region", "eu-central-1"),
    ("Access key id", "access-key-id"),
    ("Sent to", "https://api.vectormethods.com/api/v2"),
)
GCS_FACTS = (
    ("Name", "Archive GCS"),
    ("Bucket", "media-archive"),
    ("Project", "media-project"),
    ("Sent to", "the Connectors API on this computer, which seals it"),
)
KEY_ID = FormField("aws_access_key_id", "Access key id", "text", "Begins with AKIA")
SECRET = FormField("aws_secret_access_key", "Secret access key", "password")
KEY_FILE = FormField("credentials_json", "Service-account key", "key_file", "The JSON file that Google Cloud gave you")
DONE = "The connector was created."
KEPT = "The connector was kept as it is."
REFUSED = Refusal(
    "AWS refused the credentials: 403 SignatureDoesNotMatch.", "Copy the key again.", fields=(SECRET.name,)
)
KEEPABLE = Refusal("The access test failed.", "Correct the credentials.", keepable=True)


def digest(text: str) -> str:
    """What is remembered of a secret."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(eq=False)
class FakeErrand:
    """Raises each of `answers` in turn, then succeeds. Every sending waits until it is `released`."""

    title: str = "Create S3 connector"
    facts: tuple[tuple[str, str], ...] = S3_FACTS
    fields: tuple[FormField, ...] = (SECRET,)
    answers: list[Exception] = field(default_factory=list[Exception])
    sent: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    at_a_time: int = 0
    kept: int = 0
    kept_badly: Exception | None = None
    started: anyio.Event = field(default_factory=anyio.Event)
    released: anyio.Event | None = None

    async def send(self, values: Mapping[str, str]) -> str:
        self.sent.append({name: digest(value) for name, value in values.items()})
        assert not self.at_a_time, "two at a time"
        self.at_a_time += 1
        self.started.set()
        try:
            return await self._answer()
        finally:
            self.at_a_time -= 1

    async def _answer(self) -> str:
        if self.released is not None:
            await self.released.wait()
        if self.answers:
            raise copy(self.answers.pop(0))  # a raised error knows the call's variables: nothing may keep it
        return DONE

    def release(self) -> None:
        """Let the sending go on."""
        if self.released is not None:
            self.released.set()

    async def keep(self) -> str:
        self.kept += 1
        if self.kept_badly is not None:
            raise self.kept_badly
        return KEPT


def gcs_errand(*answers: Exception) -> FakeErrand:
    """One that asks for a key file."""
    return FakeErrand("Create GCS connector", GCS_FACTS, (KEY_FILE,), list(answers))


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds
