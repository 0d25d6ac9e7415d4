"""What an operator is told: keys shown once, tables without them, versions, and what a rotation leaves to be done."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mcp_server.embedded import administration as admin
from mcp_server.embedded.migrations import HEAD, REVISIONS
from mcp_server.embedded.service import Service
from mcp_server.errors import ConfigurationError
from mcp_server.settings import Settings
from tests.embedded.bodies import encryption_key, settings_in
from tests.embedded.calling import calling, created
from tests.emulators.postgresql import Postgresql

pytestmark = pytest.mark.anyio


async def said(lines: AsyncGenerator[str]) -> list[str]:
    return [line async for line in lines]


async def test_a_new_key_is_the_only_thing_that_is_printed_and_it_works(settings: Settings) -> None:
    (default,) = await said(admin.create_api_key(settings, "default"))
    (other,) = await said(admin.create_api_key(settings, "other", ["write", "read"], "studio"))
    async with aclosing(await Service.open(settings)) as service, calling(service, authenticate=True) as api:
        answers = [await api.get("/auth/validate", headers={"X-API-Key": key}) for key in (default, other)]
    assert [answer.json()["scopes"] for answer in answers] == [["read"], ["read", "write"]]


async def test_the_table_of_keys_shows_neither_keys_nor_digests(settings: Settings) -> None:
    made = [*await said(admin.create_api_key(settings, "nightly", ["read", "write"]))]
    made += await said(admin.create_api_key(settings, "audit", [], "studio"))
    (revoked,) = await said(admin.revoke_api_key(settings, "nightly"))
    assert re.fullmatch(r"Revoked the API key nightly \(key_[0-9a-f]{12}\) of the tenant local: .*", revoked)
    head, *rows = await said(admin.list_api_keys(settings))
    assert head.split() == ["id", "name", "tenant", "scopes", "created", "revoked"]
    assert [re.split(" {2,}", row)[1:4] for row in rows] == [
        ["nightly", "local", "read write"],
        ["audit", "studio", "read"],
    ]
    assert [re.split(" {2,}", row)[5] == "-" for row in rows] == [False, True]
    assert not [key for key in made if key[8:16] in "\n".join([head, *rows])]


async def test_a_table_of_no_keys_is_its_head(settings: Settings) -> None:
    assert len(await said(admin.list_api_keys(settings))) == 1


async def test_a_key_that_cannot_be_made_or_revoked_is_an_error_that_says_what_to_do(settings: Settings) -> None:
    await said(admin.create_api_key(settings, "nightly"))
    with pytest.raises(ConfigurationError, match="Revoke it first"):
        await said(admin.create_api_key(settings, "nightly"))
    with pytest.raises(ConfigurationError, match="api-key list"):
        await said(admin.revoke_api_key(settings, "weekly"))
    with pytest.raises(ConfigurationError, match="search, read, write, admin"):
        await said(admin.create_api_key(settings, "weekly", ["root"]))


async def test_a_current_database_is_said_to_be_current(settings: Settings) -> None:
    await (await Service.open(settings)).aclose()
    assert await said(admin.upgrade_database(settings)) == [f"The database has schema version {HEAD} already."]


async def test_an_empty_database_is_upgraded_from_nothing(data_dir: Path, postgresql: Postgresql) -> None:
    with postgresql.database() as name:
        for settings in (settings_in(data_dir), settings_in(data_dir, database_url=postgresql.url(name))):
            assert await said(admin.upgrade_database(settings)) == [
                f"The database was upgraded from nothing to schema version {HEAD}."
            ]


async def test_an_older_database_is_upgraded_from_its_version(
    postgresql: Postgresql, postgresql_flags: dict[str, str], data_dir: Path
) -> None:
    url = postgresql_flags["database_url"]
    older = ("DROP TABLE api_keys", f"UPDATE alembic_version SET version_num = '{REVISIONS[0]}'")  # noqa: S608
    postgresql.execute(*older, database=urlsplit(url).path[1:])
    assert await said(admin.upgrade_database(settings_in(data_dir, database_url=url))) == [
        f"The database was upgraded from schema version {REVISIONS[0]} to schema version {HEAD}."
    ]


async def test_a_rotation_tells_how_far_it_is_and_what_older_keys_are_still_needed_for(
    settings_with: Callable[..., Settings],
) -> None:
    old, new = encryption_key(), encryption_key()
    ring = {"encryption_key": "", "encryption_keys": f"{new},{old}"}
    await said(admin.create_api_key(settings_with(encryption_key=old), "nightly"))
    async with aclosing(await Service.open(settings_with(encryption_key=old))) as service, calling(service) as api:
        await created(api)
    async with (
        aclosing(await Service.open(settings_with(encryption_key=encryption_key()))) as service,
        calling(service) as api,
    ):
        lost = (await created(api))["connector_id"]
    assert await said(admin.rotate_keys(settings_with(**ring))) == [
        "0 of 2 connectors sealed with the first encryption key.",
        "1 of 2 connectors sealed with the first encryption key.",
        "1 of 2 connectors sealed with the first encryption key.",
        f"No key opens the credentials of these connectors, which stay as they are: {lost}.",
        "An older key is needed until these API keys are used again: nightly.",
    ]
    await said(admin.revoke_api_key(settings_with(**ring), "nightly"))
    async with aclosing(await Service.open(settings_with(**ring))) as service, calling(service) as api:
        await api.delete(f"/connectors/{lost}")
    assert await said(admin.rotate_keys(settings_with(**ring))) == [
        "0 of 0 connectors sealed with the first encryption key.",
        "An older key is needed only to recognize repeated requests, for 30 days.",
    ]
