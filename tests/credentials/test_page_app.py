"""The pages over HTTP as they are meant to be used: opened, refused, corrected, done, and over."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from starlette.requests import Request

from mcp_server.credentials.page import KEEP, PROOF
from mcp_server.credentials.page_app import Verify, create_page_app
from mcp_server.credentials.tickets import Desk
from tests.credentials.errands import (
    DONE,
    KEEPABLE,
    KEPT,
    KEY_FILE,
    KEY_ID,
    REFUSED,
    SECRET,
    FakeErrand,
    digest,
    gcs_errand,
)
from tests.credentials.visits import AS_TYPED, Visitor, opened, visiting
from tests.materials import SERVICE_ACCOUNT, made

pytestmark = pytest.mark.anyio
PUBLIC = "https://mcp.example"


# ---- one page, from the link to the end --------------------------------------------------------------------------


async def test_a_secret_is_sent_once_and_the_page_says_that_it_is_done() -> None:
    async with opened() as scene:
        answer = await scene.visitor.send()
        assert answer.status_code == 200
        assert DONE in answer.text
        assert "Go back to your assistant" in answer.text
        assert scene.errand.sent == [{SECRET.name: digest(AS_TYPED)}]
        assert scene.ticket.state == "done"


async def test_a_refusal_is_shown_and_corrected_on_the_page() -> None:
    async with opened(FakeErrand(fields=(KEY_ID, SECRET), answers=[REFUSED])) as scene:
        answer = await scene.visitor.send({KEY_ID.name: "the-key-id", SECRET.name: AS_TYPED})
        assert answer.status_code == 422
        assert "403 SignatureDoesNotMatch" in answer.text
        assert "4 tries left" in answer.text
        assert 'value="the-key-id"' in answer.text
        answer = await scene.visitor.send({KEY_ID.name: "the-key-id", SECRET.name: made("a better one")})
        assert answer.status_code == 200
        assert scene.errand.sent[1] == {KEY_ID.name: digest("the-key-id"), SECRET.name: digest(made("a better one"))}


async def test_a_form_may_be_urlencoded_too() -> None:
    async with opened() as scene:
        fields = {PROOF: scene.visitor.proof, SECRET.name: AS_TYPED}
        body = str(httpx.QueryParams(fields)).encode()
        answer = await scene.visitor.post(content=body, Content_Type="application/x-www-form-urlencoded")
        assert answer.status_code == 200
        assert scene.errand.sent == [{SECRET.name: digest(AS_TYPED)}]


@pytest.mark.parametrize(
    "parts",
    [
        {"file": SERVICE_ACCOUNT, "text": ""},
        {"file": "\ufeff" + SERVICE_ACCOUNT, "text": "  \n"},
        {"file": "", "text": SERVICE_ACCOUNT},
        {"file": SERVICE_ACCOUNT, "text": "something else"},
        {"text": SERVICE_ACCOUNT},
    ],
)
async def test_a_key_comes_as_a_file_or_as_text_and_the_file_wins(parts: Mapping[str, str]) -> None:
    async with opened(gcs_errand()) as scene:
        files: dict[str, tuple[str | None, str]] = {PROOF: (None, scene.visitor.proof)}
        for part, content in parts.items():
            files[f"{KEY_FILE.name}.{part}"] = ("key.json" if part == "file" else None, content)
        assert (await scene.visitor.post(files=files)).status_code == 200
        assert scene.errand.sent == [{KEY_FILE.name: digest(SERVICE_ACCOUNT)}]


async def test_what_is_missing_is_asked_for_and_counts_as_no_try() -> None:
    async with opened(FakeErrand(fields=(KEY_ID, SECRET))) as scene:
        answer = await scene.visitor.send({KEY_ID.name: "the-key-id", SECRET.name: "   "})
        assert answer.status_code == 422
        assert "Something is missing." in answer.text
        assert 'value="the-key-id"' in answer.text
        assert scene.is_untouched


async def test_the_first_browser_may_come_back_to_its_page() -> None:
    async with opened() as scene:
        for _ in range(2):
            answer = await scene.visitor.visit()
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
        assert (await scene.visitor.send()).status_code == 200


async def test_what_was_made_is_kept_at_a_second_button() -> None:
    async with opened(FakeErrand(answers=[KEEPABLE])) as scene:
        answer = await scene.visitor.send()
        assert "Finish as it is" in answer.text
        answer = await scene.visitor.send({SECRET.name: "", KEEP: "yes"})
        assert answer.status_code == 200
        assert KEPT in answer.text
        assert (len(scene.errand.sent), scene.errand.kept) == (1, 1)


async def test_what_is_in_place_is_told_whatever_is_sent_next_and_when_the_page_is_opened_again() -> None:
    async with opened(FakeErrand(answers=[KEEPABLE, REFUSED])) as scene:
        answers = [
            await scene.visitor.send(),
            await scene.visitor.send(),
            await scene.visitor.send({SECRET.name: " "}),
            await scene.visitor.visit(),
        ]
        assert [answer.status_code for answer in answers] == [422, 422, 422, 200]
        for answer in answers:
            assert "It is in place, but does not work yet" in answer.text
            assert "Finish as it is" in answer.text
            assert "nothing happens" not in answer.text
        assert REFUSED.message in answers[-1].text


async def test_the_fifth_refusal_says_that_it_was_the_last() -> None:
    async with opened(FakeErrand(answers=[REFUSED] * 5)) as scene:
        answers = [await scene.visitor.send() for _ in range(5)]
        assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 410]
        assert "This was tried too often" in answers[-1].text
        assert "403 SignatureDoesNotMatch" in answers[-1].text
        assert scene.ticket.state == "spent"


async def test_an_unforeseen_failure_is_told_without_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(FakeErrand(answers=[RuntimeError(AS_TYPED)])) as scene:
        answer = await scene.visitor.send()
        assert answer.status_code == 422
        assert "nobody foresaw" in answer.text
        assert AS_TYPED not in answer.text + caplog.text
        assert (await scene.visitor.send()).status_code == 200


async def test_the_cookie_goes_when_the_page_is_over() -> None:
    async with opened() as scene:
        assert scene.visitor.cookie
        await scene.visitor.send()
        assert not scene.visitor.cookie


async def test_two_submissions_are_never_under_way_at_a_time() -> None:
    errand = FakeErrand(answers=[REFUSED], released=anyio.Event())
    async with opened(errand) as scene:
        answers: list[httpx.Response] = []

        async def send() -> None:
            answers.append(await scene.visitor.send())

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(send)
            await errand.started.wait()
            assert (await scene.visitor.visit()).status_code == 200
            errand.release()
        assert len(answers) == 3
        assert all(answer.status_code in (200, 410, 422) for answer in answers)
        assert not any("nobody foresaw" in answer.text for answer in answers)


# ---- on a public address, for people who are signed in -----------------------------------------------------------


async def by_header(request: Request) -> str | None:
    return request.headers.get("x-person")


@asynccontextmanager
async def public(verify: Verify | None = by_header, principal: str | None = "alice") -> AsyncGenerator[Visitor]:
    """A page behind TLS and a proxy that says who is there."""
    desk = Desk(lambda: PUBLIC)
    app = create_page_app(desk, PUBLIC, verify)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        yield Visitor(client, desk.issue(FakeErrand(), key="a call", principal=principal).url)


async def test_the_person_who_asked_may_use_the_page() -> None:
    async with public() as visitor:
        answer = await visitor.visit(X_Person="alice")
        assert answer.status_code == 200
        assert "; Secure" in answer.headers["set-cookie"]
        assert answer.headers["set-cookie"].startswith("__Secure-page=")
        assert (await visitor.send(X_Person="alice")).status_code == 200


@pytest.mark.parametrize("principal", ["alice", None])
@pytest.mark.parametrize("person", [{}, {"X_Person": "bob"}])
async def test_another_person_learns_nothing_of_the_page(principal: str | None, person: dict[str, str]) -> None:
    async with public(principal=principal) as visitor:
        answer = await visitor.visit(**person)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        visitor.url = f"{PUBLIC}/c/unknown"
        unknown = await visitor.visit(**person)
        assert unknown.status_code == 404
        assert unknown.text == answer.text


async def test_a_page_for_somebody_is_not_shown_where_nobody_can_prove_who_they_are() -> None:
    async with public(verify=None) as visitor:
        assert (await visitor.visit()).status_code == 403


async def test_a_failing_proof_of_who_is_there_is_a_page_without_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: Request) -> str | None:
        raise RuntimeError(made("a token of the identity provider"))

    async with public(broken) as visitor:
        answer = await visitor.visit()
    assert answer.status_code == 500
    assert answer.headers["cache-control"] == "no-store"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "A page failed: RuntimeError"
    ]
    assert made("a token of the identity provider") not in answer.text + caplog.text


async def test_what_is_not_http_passes_the_border_to_be_refused_behind_it() -> None:
    sent: list[str] = []

    async def send(message: object) -> None:
        sent.append(str(message))

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    app = create_page_app(Desk(lambda: PUBLIC), PUBLIC)
    await app({"type": "websocket", "path": "/c/x", "headers": []}, receive, send)
    assert "websocket.close" in sent[0]


async def test_a_page_that_is_over_by_the_time_the_form_was_read_says_so() -> None:
    """Withdrawn while the form was on its way."""
    desk = Desk(lambda: PUBLIC)
    app = create_page_app(desk, PUBLIC)
    errand = FakeErrand()
    ticket = desk.issue(errand, key="a call")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        visitor = Visitor(client, ticket.url)
        await visitor.visit()

        async def body() -> AsyncGenerator[bytes]:
            ticket.withdraw()
            yield str(httpx.QueryParams({PROOF: visitor.proof, SECRET.name: AS_TYPED})).encode()

        answer = await client.post(
            visitor.url,
            content=body(),
            headers={"Origin": PUBLIC, "Content-Type": "application/x-www-form-urlencoded"},
        )
    assert answer.status_code == 410
    assert "This request was withdrawn" in answer.text
    assert errand.sent == []


async def test_a_link_in_a_page_of_another_site_can_be_followed_twice() -> None:
    """A strict cookie does not come with such a request; the page has the browser come again from here, and it does."""
    async with opened() as scene, visiting(scene.visitor.url) as without_cookie:
        answer = await without_cookie.visit(Sec_Fetch_Site="cross-site")
        assert answer.status_code == 403
        assert 'http-equiv="refresh"' in answer.text
        assert not scene.ticket.is_contested
        answer = await without_cookie.visit(Sec_Fetch_Site="same-origin")
        assert answer.status_code == 403
        assert 'http-equiv="refresh"' not in answer.text
        assert scene.ticket.is_contested


async def test_a_page_that_a_machine_opened_first_is_contested_by_the_person_who_is_told_to_ask_again() -> None:
    async with opened() as scene, visiting(scene.visitor.url) as person:
        assert not scene.ticket.is_contested
        answer = await person.visit(Sec_Fetch_Site="none", Sec_Fetch_Dest="document")
        assert answer.status_code == 403
        assert "Go back to your assistant and ask again: you get a new link." in answer.text
        assert scene.ticket.is_contested


async def test_a_page_that_is_used_already_is_not_contested_and_no_new_link_is_promised() -> None:
    async with opened(FakeErrand(answers=[REFUSED])) as scene, visiting(scene.visitor.url) as other:
        await scene.visitor.send()
        for answer in (await other.visit(), await other.send()):
            assert answer.status_code == 403
            assert "Go on there." in answer.text
            assert "new link" not in answer.text
        assert not scene.ticket.is_contested
