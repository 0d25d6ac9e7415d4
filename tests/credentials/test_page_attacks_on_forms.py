"""What a page's form may hold, attacked over a real connection. After every attack the person can still go on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from urllib.parse import urlsplit

import anyio
import httpx
import pytest

from mcp_server.credentials.page import KEEP, PROOF
from mcp_server.credentials.page_app import create_page_app
from mcp_server.credentials.tickets import Desk
from tests.credentials.errands import SECRET, FakeErrand, gcs_errand
from tests.credentials.visits import (
    FORM,
    URLENCODED,
    Attack,
    Scene,
    Visitor,
    also_opened,
    form_of,
    is_protected,
    multipart,
    opened,
    said_to,
)

pytestmark = pytest.mark.anyio
KIB_65 = 65 * 1024


def posted(body: Callable[[Visitor], bytes], media_type: str) -> Attack:
    return lambda page, _: page.post(content=body(page), Content_Type=media_type)


MALFORMED: Mapping[str, tuple[int, Attack]] = {
    "a field twice": (
        400,
        posted(lambda page: multipart(*form_of(page).items(), (SECRET.name, "another")), FORM),
    ),
    "a field twice, urlencoded": (
        400,
        posted(lambda page: f"{PROOF}={page.proof}&{SECRET.name}=a&{SECRET.name}=b".encode(), URLENCODED),
    ),
    "the proof twice": (400, posted(lambda page: multipart((PROOF, ""), *form_of(page).items()), FORM)),
    "a field that the page has not": (400, lambda page, _: page.send(form_of(page, bucket="another"))),
    "keeping what was not made": (400, lambda page, _: page.send(form_of(page, **{KEEP: "yes"}))),
    "a field without a name": (400, posted(lambda _: b"--b\r\n\r\nx\r\n--b--\r\n", FORM)),
    "no end": (403, posted(lambda _: b"--b\r\nContent-Disposition: form-data; name=", FORM)),
    "no boundary": (400, posted(lambda _: b"x", "multipart/form-data")),
    "many parts": (400, posted(lambda _: multipart(*((str(number), "") for number in range(99))), FORM)),
    "many files": (
        400,
        lambda page, _: page.post(files=[(f"file{number}", ("x", b"")) for number in range(9)]),
    ),
    "JSON": (415, posted(lambda _: b"{}", "application/json")),
    "plain text, as a forged form may send": (415, posted(lambda _: b"x=y", "text/plain")),
    "no media type": (415, lambda page, _: page.post(content=b"x=y")),
    "nothing": (415, lambda page, _: page.post()),
}


@pytest.mark.parametrize(("status", "attack"), MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_form_is_turned_away_and_counts_as_no_try(status: int, attack: Attack) -> None:
    async with opened() as scene, also_opened(scene.desk) as other:
        answer = await attack(scene.visitor, other)
        assert answer.status_code == status
        assert is_protected(answer)
        assert scene.is_untouched


def head_of(scene: Scene, *headers: str) -> bytes:
    """A request of the person's browser, to be continued."""
    url = urlsplit(scene.ticket.url)
    known = (f"Host: {url.netloc}", f"Cookie: page={scene.visitor.cookie}", f"Origin: {scene.visitor.origin}")
    return "\r\n".join((f"POST {url.path} HTTP/1.1", *known, f"Content-Type: {FORM}", *headers, "", "")).encode()


async def test_a_body_of_65_kib_is_refused_when_it_is_announced() -> None:
    async with opened() as scene:
        answer = await said_to(scene.visitor.origin, head_of(scene, f"Content-Length: {KIB_65}"), b"x" * KIB_65)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"larger than 64 KiB" in answer
        assert scene.is_untouched


async def test_a_body_of_65_kib_is_refused_when_it_comes_in_chunks() -> None:
    async with opened() as scene:
        chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
        head = head_of(scene, "Transfer-Encoding: chunked")
        field = multipart((SECRET.name, ""))[:-9]
        answer = await said_to(
            scene.visitor.origin, head, b"%x\r\n%s\r\n" % (len(field), field), chunk * 9, b"0\r\n\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert scene.is_untouched


async def test_a_body_of_65_kib_that_says_it_is_short_is_cut_by_its_own_length() -> None:
    async with opened() as scene:
        answer = await said_to(scene.visitor.origin, head_of(scene, "Content-Length: 5"), b"x" * KIB_65)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert scene.is_untouched


async def test_a_file_that_is_too_large_is_told_to_a_browser_that_still_sends() -> None:
    async with opened(gcs_errand()) as scene:
        answer = await scene.visitor.post(files={"credentials_json.file": ("film.mp4", b"x" * 5_000_000)})
        assert answer.status_code == 413
        assert "larger than 64 KiB" in answer.text
        assert is_protected(answer)
        assert scene.is_untouched


@pytest.mark.parametrize("length", ["-1", "x", "1e9", "+5", "9" * 30, "5, 6"])
async def test_an_odd_length_does_not_get_past_the_bound(length: str) -> None:
    async with opened() as scene:
        answer = await said_to(scene.visitor.origin, head_of(scene, f"Content-Length: {length}"), b"x" * KIB_65)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 "))
        assert scene.is_untouched


async def test_a_length_that_is_no_number_is_left_to_the_bound_on_what_comes() -> None:
    """A server in front of the pages may let it pass; ours does not."""
    desk = Desk(lambda: "http://page.example")
    app = create_page_app(desk, "http://page.example")
    errand = FakeErrand()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        visitor = Visitor(client, desk.issue(errand, key="a call").url)
        await visitor.visit()
        answer = await visitor.post(content=b"x" * KIB_65, Content_Type=URLENCODED, Content_Length="many")
        assert answer.status_code == 413
        assert errand.sent == []


async def test_a_slow_body_is_given_up() -> None:
    desk = Desk(lambda: "http://page.example")
    app = create_page_app(desk, "http://page.example", body_seconds=0)
    errand = FakeErrand()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        visitor = Visitor(client, desk.issue(errand, key="a call").url)
        await visitor.visit()

        async def body() -> AsyncGenerator[bytes]:
            yield b"--b\r\n"
            await anyio.sleep_forever()

        answer = await visitor.post(content=body(), Content_Type=FORM)
        assert answer.status_code == 408
        assert is_protected(answer)
        assert errand.sent == []


async def test_a_connection_that_ends_in_the_middle_sends_nothing() -> None:
    async with opened() as scene:
        await said_to(scene.visitor.origin, head_of(scene, "Content-Length: 500"), b"--b\r\n", wait=False)
        assert (await scene.visitor.visit()).status_code == 200
        assert scene.is_untouched
