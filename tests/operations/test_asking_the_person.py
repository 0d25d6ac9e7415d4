"""A call without its secret: the person is asked for it on a page, in both eras, and the model never holds it."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import pytest

from tests.emulators import Emulator
from tests.operations.asking import accompanied, secrets_in, typed, without_credentials
from tests.sessions import ERAS, connected
from tests.visiting import Visit, link_in, visiting

pytestmark = pytest.mark.anyio


def _nothing_seen(emulator: Emulator, *texts: object) -> None:
    assert [secret for secret in secrets_in(emulator) for text in texts if secret[:12] in str(text)] == []


async def test_the_person_corrects_a_refused_secret_and_the_model_gets_a_connector_that_works(
    era: str, provider: str, emulator: Emulator, settings: Mapping[str, str]
) -> None:
    seen: list[str] = []

    async def deed(visit: Visit) -> None:
        seen.append(visit.text)
        await visit.send(**typed(provider, emulator.wrong_secret_arguments(), "aws_access_key_id"))
        seen.append(visit.text)
        assert (visit.status, "Finish as it is" in visit.text) == (422, True)
        await visit.send(**typed(provider, emulator.arguments(), "aws_access_key_id"))
        seen.append(visit.text)

    async with accompanied(era, settings, deed) as (session, person):
        known = without_credentials(provider, emulator.arguments(), "aws_access_key_id")
        created = await session.call(f"create_{provider}_connector", **known)
        assert (created["last_test_result"], created["status"]) == ("success", "active")
        assert "browse_connector_files" in created["next_step"]
        assert len(person.links) == 1
        assert len(person.told_complete) == (era == ERAS[0])
        assert (await session.call("list_connectors"))["total"] == 1
        assert (await session.call("browse_connector_files", connector_id=created["connector_id"]))[
            "truncated"
        ] is False
    form, refused, done = seen
    assert [value for value in known.values() if isinstance(value, str) and value not in form] == []
    assert "this computer" in form
    assert "It is in place, but does not work yet" in refused
    assert "The connector was created, but the access test failed" in refused
    assert "Go back to your assistant" in done
    _nothing_seen(emulator, *seen, created, person.links)


async def test_new_credentials_for_a_connector_come_from_the_person_too(
    era: str, provider: str, emulator: Emulator, settings: Mapping[str, str]
) -> None:
    async def deed(visit: Visit) -> None:
        assert "Name Broken" in visit.text
        assert "New name Mended" in visit.text
        assert emulator.arguments()[emulator.bucket_field] in visit.text
        await visit.send(**typed(provider, emulator.arguments()))
        assert visit.status == 200, visit.text

    async with accompanied(era, settings, deed) as (session, _):
        wrong = {**emulator.wrong_secret_arguments(), "name": "Broken"}
        one = {"connector_id": (await session.call(f"create_{provider}_connector", **wrong))["connector_id"]}
        assert not (await session.call("test_connector", **one))["success"]
        updated = await session.call("update_connector", **one, rotate_credentials=True, name="Mended")
        assert (updated["name"], updated["last_test_result"], "note" in updated) == ("Mended", "success", False)
        assert updated["changes"] == [
            {"field": "name", "before": "Broken", "after": "Mended"},
            {"field": "status", "before": "failed", "after": "active"},
            {"field": "last_test_result", "before": "failure", "after": "success"},
            {"field": "credentials", "after": "replaced"},
        ]


@pytest.mark.parametrize("provider", ["s3"], scope="module")
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_who_declines_is_not_asked_again_and_nothing_is_made(
    era: str, action: str, provider: str, emulator: Emulator, settings: Mapping[str, str]
) -> None:
    async with accompanied(era, settings, _never, action) as (session, person):
        known = without_credentials(provider, emulator.arguments())
        text = await session.refused("create_s3_connector", **known)
        assert "did not want to" in text
        assert "code: declined, retry: no" in text
        assert (await session.call("list_connectors"))["total"] == 0
        assert len(person.links) == 1


async def _never(visit: Visit) -> None:
    raise AssertionError(visit.text)


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_what_the_person_keeps_although_its_test_failed_is_told_as_it_is(
    era: str, provider: str, emulator: Emulator, settings: Mapping[str, str]
) -> None:
    async def deed(visit: Visit) -> None:
        await visit.send(**typed(provider, emulator.wrong_secret_arguments()))
        await visit.keep()
        assert "its access test failed" in visit.text

    async with accompanied(era, settings, deed) as (session, _):
        created = await session.call("create_s3_connector", **without_credentials(provider, emulator.arguments()))
        assert (created["status"], created["last_test_result"]) == ("failed", "failure")
        assert "update_connector" in created["next_step"]


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_a_client_that_shows_no_links_passes_one_on_and_repeats_the_call(
    era: str, provider: str, emulator: Emulator, settings: Mapping[str, str]
) -> None:
    known = without_credentials(provider, emulator.arguments())
    async with connected(era, settings) as session:
        text = await session.refused("create_s3_connector", **known)
        assert "code: credentials_needed, retry: yes" in text
        assert "repeat this same call" in text
        async with visiting(link_in(text)) as visit:
            await visit.send(**typed(provider, emulator.arguments()))
            assert visit.status == 200, visit.text
        created = await session.call("create_s3_connector", **known)
        assert created["last_test_result"] == "success"
        assert await session.call("create_s3_connector", **known) == created
        assert (await session.call("list_connectors"))["total"] == 1
        _nothing_seen(emulator, text, created)


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_a_repeated_call_waits_for_the_person_who_is_typing(
    era: str, provider: str, emulator: Emulator, settings: Mapping[str, str]
) -> None:
    known = without_credentials(provider, emulator.arguments())
    results: list[object] = []
    async with connected(era, settings) as session:
        link = link_in(await session.refused("create_s3_connector", **known))
        async with anyio.create_task_group() as tasks, visiting(link) as visit:

            async def repeat() -> None:
                results.append(await session.call("create_s3_connector", **known))

            tasks.start_soon(repeat)
            tasks.start_soon(repeat)
            await visit.send(**typed(provider, emulator.arguments()))
        assert results[0] == results[1]
        assert (await session.call("list_connectors"))["total"] == 1


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_wrong_arguments_are_told_before_the_person_is_bothered(
    era: str, provider: str, emulator: Emulator, settings: Mapping[str, str]
) -> None:
    async with accompanied(era, settings, _never) as (session, person):
        known = without_credentials(provider, emulator.arguments(bucket="Not_A_Bucket"))
        text = await session.refused("create_s3_connector", **known)
        assert "bucket: must be" in text
        assert "aws_secret_access_key" not in text
        assert "provider: s3" not in text
        one = {"connector_id": "conn_unknown"}
        assert "code: " in await session.refused("update_connector", **one, rotate_credentials=True)
        assert person.links == []


async def test_the_fields_of_another_provider_are_refused_before_the_person_is_bothered(
    era: str, emulator: Emulator, provider: str, settings: Mapping[str, str]
) -> None:
    foreign = {"aws_access_key_id": "AKIDEXAMPLE"} if provider != "s3" else {"tenant_id": "contoso.com"}
    async with accompanied(era, settings, _never) as (session, person):
        created = await session.call(f"create_{provider}_connector", **emulator.arguments())
        text = await session.refused("update_connector", connector_id=created["connector_id"], **foreign)
        assert f"this is a {provider} connector" in text
        assert person.links == []
