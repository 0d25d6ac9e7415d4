"""Each protection of a page, attacked over a real connection. After every attack the person can still go on."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx
import pytest

from mcp_server.credentials.listener import open_desk
from mcp_server.credentials.page import PROOF
from tests.credentials.errands import REFUSED, SECRET, FakeErrand
from tests.credentials.visits import (
    AS_TYPED,
    Attack,
    Visitor,
    also_opened,
    form_of,
    is_protected,
    opened,
    said_to,
    visiting,
)

pytestmark = pytest.mark.anyio


def path(url: str) -> str:
    return urlsplit(url).path


# ---- whose link it is --------------------------------------------------------------------------------------------


async def test_a_guessed_link_shows_nothing_whatever_is_guessed() -> None:
    async with opened() as scene:
        token = path(scene.ticket.url).removeprefix("/c/")
        guesses = [
            secrets.token_urlsafe(32),
            token[:-1],
            token.swapcase(),
            scene.ticket.number,
            "é",
            "%00",
            "style.css",
        ]
        texts: set[str] = set()
        for guess in guesses:
            scene.visitor.url = f"{scene.visitor.origin}/c/{guess}"
            answers = [await scene.visitor.visit(), await scene.visitor.send()]
            assert [answer.status_code for answer in answers] == [404, 404]
            assert all(map(is_protected, answers))
            texts |= {answer.text for answer in answers}
        assert len(texts) == 1
        assert scene.is_untouched


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/c",
        "/c/",
        "/c/{token}/",
        "/c/x/../{token}/..",
        "/c/..%2f{token}",
        "/c/%2e%2e/{token}",
        "//c/{token}",
        "/C/{token}",
        "/etc/passwd",
        "/c/../../etc/passwd",
        "/favicon.ico",
        "http://attacker.example/c/{token}",
    ],
)
async def test_no_other_path_leads_anywhere(target: str) -> None:
    async with opened() as scene:
        asked = target.format(token=path(scene.ticket.url).removeprefix("/c/"))
        host = urlsplit(scene.ticket.url).netloc
        answer = await said_to(scene.visitor.origin, f"GET {asked} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert b"\r\nlocation" not in answer.lower()
        assert scene.is_untouched


async def test_a_used_link_is_over() -> None:
    async with opened() as scene, also_opened(scene.desk):
        await scene.visitor.send()
        for answer in (await scene.visitor.visit(), await scene.visitor.send()):
            assert answer.status_code == 410
            assert "This link was used" in answer.text
            assert is_protected(answer)
        assert len(scene.errand.sent) == 1


async def test_an_expired_link_is_over_even_when_no_timer_ran() -> None:
    async with opened() as scene:
        scene.clock.passes(600)
        answer = await scene.visitor.send()
        assert answer.status_code == 410
        assert "This link has expired" in answer.text
        assert scene.errand.sent == []


async def test_a_sixth_try_is_not_sent() -> None:
    async with opened(FakeErrand(answers=[REFUSED] * 9)) as scene, also_opened(scene.desk):
        for _ in range(5):
            await scene.visitor.send()
        answer = await scene.visitor.send()
        assert answer.status_code == 410
        assert len(scene.errand.sent) == 5


# ---- whose browser it is -----------------------------------------------------------------------------------------


async def test_a_second_browser_sees_nothing_and_sends_nothing() -> None:
    async with opened() as scene, visiting(scene.ticket.url) as second:
        second.proof = scene.visitor.proof
        for answer in (await second.visit(), await second.send()):
            assert answer.status_code == 403
            assert "another browser" in answer.text
            assert "set-cookie" not in answer.headers
            assert "media-archive" not in answer.text
            assert is_protected(answer)
        assert scene.is_untouched


async def test_the_cookie_is_of_256_bits_and_for_this_page_and_no_script() -> None:
    async with open_desk() as desk, visiting(desk.issue(FakeErrand(), key="a call").url) as visitor:
        said = (await visitor.visit()).headers["set-cookie"]
        parts = {part.strip().lower() for part in said.split(";")}
        assert {"httponly", "samesite=strict", f"path={path(visitor.url).lower()}", "max-age=600"} <= parts
        assert not any(part.startswith("domain") for part in parts)
        assert len(visitor.cookie) == 43


VISITS_THAT_ARE_NONE: Mapping[str, Mapping[str, str]] = {
    "Chromium looks ahead": {"Sec_Purpose": "prefetch;prerender"},
    "an old browser looks ahead": {"Purpose": "prefetch"},
    "an old Firefox looks ahead": {"X_Moz": "prefetch"},
    "a frame": {"Sec_Fetch_Dest": "iframe"},
    "an image": {"Sec_Fetch_Dest": "image"},
    "a script": {"Sec_Fetch_Dest": "empty"},
}


@pytest.mark.parametrize("headers", VISITS_THAT_ARE_NONE.values(), ids=VISITS_THAT_ARE_NONE.keys())
async def test_what_is_no_visit_takes_no_page(headers: Mapping[str, str]) -> None:
    async with open_desk() as desk, visiting(desk.issue(FakeErrand(), key="a call").url) as person:
        async with visiting(person.url) as machine:
            answer = await machine.visit(**headers)
        assert answer.status_code == 503
        assert "set-cookie" not in answer.headers
        assert "media-archive" not in answer.text
        assert is_protected(answer)
        assert (await person.visit()).status_code == 200


async def test_a_look_at_the_headers_takes_no_page() -> None:
    async with open_desk() as desk, visiting(desk.issue(FakeErrand(), key="a call").url) as visitor:
        answer = await visitor.client.head(visitor.url)
        assert answer.content == b""
        assert "set-cookie" not in answer.headers
        assert is_protected(answer)
        assert (await visitor.visit()).status_code == 200


# ---- where a request comes from ----------------------------------------------------------------------------------


async def with_cookie(visitor: Visitor, value: str) -> httpx.Response:
    visitor.client.cookies.clear()
    return await visitor.send(Cookie=f"page={value}")


FORGED: Mapping[str, Attack] = {
    "DNS rebinding": lambda page, _: page.send(Host="attacker.example", Origin="http://attacker.example"),
    "DNS rebinding with the port": lambda page, _: page.send(Host=f"attacker.example:{urlsplit(page.url).port}"),
    "another name of this machine": lambda page, _: page.send(Host=f"localhost:{urlsplit(page.url).port}"),
    "the host without the port": lambda page, _: page.send(Host="127.0.0.1"),
    "another site": lambda page, _: page.send(Origin="https://attacker.example", Sec_Fetch_Site="cross-site"),
    "another site, an old browser": lambda page, _: page.send(Origin="https://attacker.example", Sec_Fetch_Site=""),
    "another port": lambda page, _: page.send(Origin="http://127.0.0.1:1", Sec_Fetch_Site="same-site"),
    "https": lambda page, _: page.send(Origin=page.origin.replace("http", "https"), Sec_Fetch_Site=""),
    "a sandbox": lambda page, _: page.send(Origin="null", Sec_Fetch_Site="cross-site"),
    "a sandbox, an old browser": lambda page, _: page.send(Origin="null", Sec_Fetch_Site=""),
    "no origin": lambda page, _: page.send(Origin="", Sec_Fetch_Site=""),
    "no origin, typed": lambda page, _: page.send(Origin="", Sec_Fetch_Site="none"),
    "an origin that the browser does not confirm": lambda page, _: page.send(
        Origin=page.origin, Sec_Fetch_Site="same-site"
    ),
    "no proof": lambda page, _: page.post(files={SECRET.name: (None, AS_TYPED)}),
    "an empty proof": lambda page, _: page.send({PROOF: "", SECRET.name: AS_TYPED}),
    "a proof that is no ASCII": lambda page, _: page.send({PROOF: "é\ufffd", SECRET.name: AS_TYPED}),
    "another page's proof": lambda page, other: page.send({PROOF: other.proof, SECRET.name: AS_TYPED}),
    "no cookie": lambda page, _: with_cookie(page, ""),
    "an invented cookie": lambda page, _: with_cookie(page, secrets.token_urlsafe(32)),
    "another page's cookie": lambda page, other: with_cookie(page, other.cookie),
}


@pytest.mark.parametrize("attack", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_form_is_turned_away_and_counts_as_no_try(attack: Attack) -> None:
    async with opened() as scene, also_opened(scene.desk) as other:
        answer = await attack(scene.visitor, other)
        assert answer.status_code in (403, 421)
        assert "media-archive" not in answer.text
        assert is_protected(answer)
        assert scene.is_untouched


async def test_each_sign_of_the_own_origin_is_enough() -> None:
    for origin, site in (("", "same-origin"), ("null", "same-origin"), ("own", ""), ("own", "same-origin")):
        async with opened() as scene:
            said = scene.visitor.origin if origin == "own" else origin
            assert (await scene.visitor.send(Origin=said, Sec_Fetch_Site=site)).status_code == 200


async def test_dns_rebinding_does_not_show_a_page_either() -> None:
    async with opened() as scene:
        for host in ("attacker.example", "127.0.0.1", f"127.0.0.1.nip.io:{urlsplit(scene.ticket.url).port}"):
            answer = await scene.visitor.visit(Host=host)
            assert answer.status_code == 421
            assert is_protected(answer)


@pytest.mark.parametrize(
    "head", ["GET {} HTTP/1.0\r\n\r\n", "GET {} HTTP/1.1\r\n\r\n", "GET {} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"]
)
async def test_a_request_for_no_host_or_for_two_shows_nothing(head: str) -> None:
    async with opened() as scene:
        answer = await said_to(scene.visitor.origin, head.format(path(scene.ticket.url)).encode())
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 421 "))
        assert b"media-archive" not in answer


# ---- how it may be asked -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post"])
async def test_no_other_method_does_anything(method: str) -> None:
    async with opened() as scene:
        url = urlsplit(scene.ticket.url)
        head = f"{method} {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nX-HTTP-Method-Override: POST\r\n"
        answer = await said_to(scene.visitor.origin, f"{head}Cookie: page={scene.visitor.cookie}\r\n\r\n".encode())
        assert answer.startswith((b"HTTP/1.1 405 ", b"HTTP/1.1 400 "))
        assert scene.is_untouched


async def test_a_method_in_a_header_or_a_field_is_not_heard() -> None:
    async with opened() as scene:
        answer = await scene.visitor.visit(X_HTTP_Method_Override="POST")
        assert answer.status_code == 200
        assert (await scene.visitor.send(form_of(scene.visitor, _method="DELETE"))).status_code == 400
        assert scene.is_untouched


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_with_secrets_in_it_is_no_link(method: str) -> None:
    async with opened() as scene:
        scene.visitor.url += f"?{SECRET.name}=abcdefgh&{PROOF}={scene.visitor.proof}"
        answer = await (scene.visitor.visit() if method == "GET" else scene.visitor.send())
        assert answer.status_code == 404
        assert "abcdefgh" not in answer.text
        assert scene.is_untouched


# ---- what it shows and leaves ------------------------------------------------------------------------------------


async def test_every_answer_is_protected() -> None:
    async with opened(FakeErrand(answers=[REFUSED])) as scene:
        answers = [await scene.visitor.visit(), await scene.visitor.send(), await scene.visitor.send()]
        assert [answer.status_code for answer in answers] == [200, 422, 200]
        assert all(map(is_protected, answers))


async def test_a_script_in_a_fact_is_text() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    async with opened(FakeErrand(evil, ((evil, evil),))) as scene:
        answer = await scene.visitor.visit()
        assert "<script" not in answer.text
        assert "<img" not in answer.text
        assert "&lt;script&gt;" in answer.text
