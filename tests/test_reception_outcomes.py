"""Who finds a page and what came of it: the same principal, the corrected page, and where there is none."""

from __future__ import annotations

import pytest

from mcp_server.credentials.errand import Refusal
from mcp_server.credentials.tickets import MAX_OPEN, TooManyOpen
from mcp_server.errands import ConnectorErrand
from mcp_server.presentation import CreatedConnector
from mcp_server.tools import TOOL_BY_NAME
from tests.answering import TYPED, Answering, Turns, existing, rotating, without_secrets
from tests.receptions import Scene, Scripted
from tests.tool_calls import backed, error_of, finished

pytestmark = pytest.mark.anyio
FAILED = {"success": False, "error_message": "AWS refused the signature."}


@pytest.fixture
def scene() -> Scene:
    return Scene()


# ---- who asks ----------------------------------------------------------------------------------------------------


async def test_nobody_finds_the_page_or_the_outcome_of_another_principal(scene: Scene) -> None:
    principals = (None, "alice", "bob")
    links = {who: await scene.link(Scripted(who)) for who in principals}
    assert len(set(links.values())) == 3
    await scene.send(links["alice"])
    assert isinstance(await scene.result(Scripted("alice")), CreatedConnector)
    assert await scene.link(Scripted("bob")) == links["bob"]
    number = scene.ticket(links["alice"]).number
    assert (await scene.refused(Scripted("bob", number=number))).code == "page_expired"


async def test_each_principal_has_pages_of_their_own(scene: Scene) -> None:
    for who in ("alice", "bob"):
        for number in range(MAX_OPEN):
            await scene.visited_link(Scripted(who), name=f"Number {number}")
        assert isinstance(await scene.refused(Scripted(who), name="One more"), TooManyOpen)


# ---- a corrected page, and no page at all ------------------------------------------------------------------------


async def test_a_page_that_was_corrected_is_one_connector(scene: Scene) -> None:
    scene.api.answers["test_connector"] = Turns(FAILED, {"success": True})
    link = await scene.link()
    await scene.send(link)
    assert scene.ticket(link).state == "open"
    assert await scene.link() == link
    await scene.send(link)
    assert isinstance(await scene.result(), CreatedConnector)
    assert scene.api.order.count("create_s3_connector") == 1


async def test_an_errand_that_was_kept_keeps_saying_what_it_did(scene: Scene) -> None:
    errand: ConnectorErrand = rotating(scene.api, existing())
    scene.api.answers["test_connector"] = FAILED
    with pytest.raises(Refusal):
        await errand.send(TYPED["s3"])
    assert (
        await errand.keep()
        == await errand.keep()
        == "The new credentials replaced the old ones; its access test failed."
    )


async def test_without_a_page_a_name_is_asked_for() -> None:
    tool = TOOL_BY_NAME["create_s3_connector"]
    for _ in range(2):
        text = error_of(finished(await tool.call(backed(Answering()), without_secrets("create_s3_connector"))))
        assert "Pass credentials with a name" in text
        assert "code: credentials_needed, retry: no" in text
