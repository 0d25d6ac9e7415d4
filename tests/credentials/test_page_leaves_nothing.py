"""After a submission, whatever became of it, no log and no object of the server's process holds the secret.

It is sent by another process, and here it is never written but backwards, or the test would find itself.
"""

from __future__ import annotations

import gc
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from mcp_server.credentials.page import PROOF
from tests.credentials.errands import KEEPABLE, KEY_FILE, REFUSED, SECRET, FakeErrand, digest, gcs_errand
from tests.credentials.visits import (
    AS_TYPED,
    FORM,
    URLENCODED,
    Scene,
    also_opened,
    multipart,
    opened,
    said_to,
    visiting,
)
from tests.materials import made

pytestmark = pytest.mark.anyio
BACKWARDS = made("a secret that only another process writes forwards")
Parts = dict[str, tuple[str, str]]


def reachable() -> Iterator[object]:
    """Every object that any object refers to, those of suspended calls and of kept tracebacks too."""
    found = gc.get_objects()
    seen = set(map(id, found))
    for holder in found:
        yield holder
        for held in gc.get_referents(holder):
            if id(held) not in seen:
                seen.add(id(held))
                found.append(held)


def texts() -> Iterator[str | bytes | bytearray]:
    """What of it is text."""
    for each in reachable():
        if isinstance(each, io.BytesIO) and not each.closed:
            yield each.getvalue()
        elif isinstance(each, str | bytes | bytearray):
            yield each


def copies() -> int:
    """How many objects hold the secret, this function's own two apart."""
    gc.collect()
    text = BACKWARDS[::-1]
    octets = text.encode()
    others = (held for held in texts() if held is not text and held is not octets)
    return sum(text in held if isinstance(held, str) else octets in held for held in others)


async def send(scene: Scene, parts: Parts, media_type: str = FORM) -> int:
    """The answer's status; the process knows the page as the browser that opened it."""
    request = {
        "url": scene.ticket.url,
        "cookie": f"page={scene.visitor.cookie}",
        "parts": {PROOF: ("", scene.visitor.proof[::-1]), **parts},
        "media_type": media_type,
    }
    script = str(Path(__file__).with_name("sending_process.py"))
    done = await anyio.run_process([sys.executable, script], input=json.dumps(request).encode())
    return int(done.stdout)


SUBMISSIONS: dict[str, tuple[FakeErrand, Parts, str, int]] = {
    "done": (FakeErrand(), {SECRET.name: ("", BACKWARDS)}, FORM, 200),
    "done, urlencoded": (FakeErrand(), {SECRET.name: ("", BACKWARDS)}, URLENCODED, 200),
    "refused": (FakeErrand(answers=[REFUSED]), {SECRET.name: ("", BACKWARDS)}, FORM, 422),
    "refused, and made": (FakeErrand(answers=[KEEPABLE]), {SECRET.name: ("", BACKWARDS)}, FORM, 422),
    "failed": (FakeErrand(answers=[RuntimeError("…")]), {SECRET.name: ("", BACKWARDS)}, FORM, 422),
    "a key file": (gcs_errand(), {f"{KEY_FILE.name}.file": ("key.json", BACKWARDS)}, FORM, 200),
    "a key's text": (gcs_errand(), {f"{KEY_FILE.name}.text": ("", BACKWARDS)}, FORM, 200),
    "an unknown field": (FakeErrand(), {"another": ("", BACKWARDS)}, FORM, 400),
    "another media type": (FakeErrand(), {SECRET.name: ("", BACKWARDS)}, "text/plain", 415),
    "a forged form": (FakeErrand(), {PROOF: ("", ""), SECRET.name: ("", BACKWARDS)}, FORM, 403),
    "too large": (FakeErrand(), {SECRET.name: ("", BACKWARDS * 2000)}, FORM, 413),
}


@pytest.mark.parametrize("case", SUBMISSIONS)
async def test_no_object_keeps_the_secret_of_a_submission(case: str) -> None:
    errand, parts, media_type, status = SUBMISSIONS[case]
    async with opened(errand) as scene, also_opened(scene.desk):
        assert await send(scene, parts, media_type) == status
        assert copies() == 0
        assert [digest(BACKWARDS[::-1])] * len(errand.sent) == [
            value for sent in errand.sent for value in sent.values()
        ]


def failed(secret: str) -> pytest.ExceptionInfo[ValueError]:
    """An error whose traceback keeps a call's own variables."""

    def fail(local: str) -> None:
        raise ValueError(len(local))

    with pytest.raises(ValueError, match="40") as caught:
        fail(secret)
    return caught


HOLDERS: dict[str, Callable[[str], object]] = {
    "a text in a dict": lambda secret: {"secret": secret},
    "octets in a tuple": lambda secret: (secret.encode(),),
    "an array of octets": lambda secret: [bytearray(secret.encode())],
    "a file in memory": lambda secret: io.BytesIO(secret.encode()),
    "a traceback": failed,
    "a suspended call": lambda secret: (secret for _ in ()),
}


async def test_the_search_finds_what_is_kept() -> None:
    held = [hold(BACKWARDS[::-1]) for hold in HOLDERS.values()]
    assert copies() >= len(held)
    held.clear()
    assert copies() == 0


async def test_neither_the_link_nor_the_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)
    async with (
        opened(FakeErrand(answers=[REFUSED, RuntimeError(AS_TYPED)])) as scene,
        visiting(scene.ticket.url) as other,
    ):
        await other.visit()
        await scene.visitor.post(content=multipart((SECRET.name, AS_TYPED)), Content_Type=FORM)
        await said_to(scene.visitor.origin, f"POST {urlsplit(scene.ticket.url).path} {AS_TYPED}\r\n\r\n".encode())
        for _ in range(3):
            await scene.visitor.send()
        texts = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert texts
    for secret in (AS_TYPED, urlsplit(scene.ticket.url).path.removeprefix("/c/"), scene.visitor.proof):
        assert not [text for text in texts if secret in text]
