"""API keys: made once, known by a digest, revoked for all at once; and tenants, none of whom sees another's rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from mcp_server.embedded.database import Database, DatabaseFault
from mcp_server.embedded.service import Service
from mcp_server.embedded.tables import LOCAL_TENANT, api_keys
from mcp_server.errors import ConfigurationError
from mcp_server.operations import OPERATIONS
from mcp_server.settings import Settings
from tests.embedded.bodies import Json, azure_body, encryption_key, gcs_file, gcs_form, s3_body, service_account
from tests.embedded.calling import calling, created, error_of, headers_of

pytestmark = pytest.mark.anyio


async def is_valid(api: httpx.AsyncClient, key: str) -> bool:
    return (await api.get("/auth/validate", headers={"X-API-Key": key})).status_code == 200


# ---- keys --------------------------------------------------------------------------------------------------------


async def test_a_key_has_the_documented_form_and_only_a_digest_of_it_is_kept(
    service: Service, settings: Settings
) -> None:
    keys = [await service.api_keys.create(name) for name in ("one", "two")]
    assert all(re.fullmatch("sk_live_[0-9a-f]{48}", key) for key in keys)
    assert keys[0] != keys[1]
    async with aclosing(await Database.open(settings)) as database, database.reading() as connection:
        kept = repr((await connection.execute(select(api_keys))).all())
    for key in keys:
        secret = key.removeprefix("sk_live_")
        assert secret not in kept
        assert repr(bytes.fromhex(secret))[2:-1] not in kept


async def test_a_key_is_good_also_when_what_is_known_of_it_cannot_be_renewed(
    settings_with: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = encryption_key(), encryption_key()
    async with aclosing(await Service.open(settings_with(encryption_key=old))) as service:
        key = await service.api_keys.create("lasting")

    def full(_: Database) -> None:
        raise DatabaseFault(OperationalError("UPDATE api_keys", {}, Exception("database or disk is full")))

    both = settings_with(encryption_key="", encryption_keys=f"{new} {old}")
    async with aclosing(await Service.open(both)) as service, calling(service, authenticate=True) as api:
        with monkeypatch.context() as patch:
            patch.setattr(Database, "writing", full)
            assert await is_valid(api, key)
        assert await service.api_keys.names_of_older() == ["lasting"]
        assert await is_valid(api, key)
        assert await service.api_keys.names_of_older() == []


async def test_the_scopes_of_a_key_are_those_that_it_was_given_and_reading_by_default(service: Service) -> None:
    made = {
        await service.api_keys.create("default"): ["read"],
        await service.api_keys.create("some", ("write", "search", "write")): ["search", "write"],
        await service.api_keys.create("all", ("admin",)): ["admin"],
    }
    async with calling(service, authenticate=True) as api:
        for key, scopes in made.items():
            answer = await api.get("/auth/validate", headers={"X-API-Key": key})
            assert answer.json() == {"valid": True, "scopes": scopes}


@pytest.mark.parametrize("scope", ["search", "read", "write", "admin"])
async def test_a_key_may_do_what_its_scope_allows_and_nothing_else(service: Service, scope: str) -> None:
    headers = await headers_of(service, scope)
    async with calling(service, authenticate=True) as api:
        for operation in OPERATIONS:
            answer = await api.request(operation.method, operation.path.format(connector_id="conn_1"), headers=headers)
            allowed = scope in (operation.scope, "admin")
            assert (answer.status_code == 403) is not allowed, operation.name


async def test_a_revoked_key_is_refused_at_once_by_every_process_and_its_name_is_free(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(aclosing(await Service.open(settings))) for _ in range(2)]
        one, other = [await stack.enter_async_context(calling(each, authenticate=True)) for each in services]
        key = await services[0].api_keys.create("nightly")
        assert [await is_valid(api, key) for api in (one, other)] == [True, True]
        revoked = await services[1].api_keys.revoke("nightly")
        assert [await is_valid(api, key) for api in (one, other)] == [False, False]
        again = await services[0].api_keys.create("nightly")
        assert await is_valid(other, again)
    assert revoked.name == "nightly"
    assert revoked.revoked_at


async def test_keys_are_listed_oldest_first_with_all_that_is_known_of_them(service: Service) -> None:
    await service.api_keys.create("first", ("read", "write"))
    await service.api_keys.create("second", tenant_id="studio")
    first = await service.api_keys.revoke("first")
    listed = await service.api_keys.listing()
    assert [(key.name, key.tenant_id, key.scopes) for key in listed] == [
        ("first", LOCAL_TENANT, ("read", "write")),
        ("second", "studio", ("read",)),
    ]
    assert listed[0] == first
    assert listed[1].revoked_at is None


async def test_a_name_is_of_one_live_key_of_a_tenant_but_tenants_choose_for_themselves(service: Service) -> None:
    await service.api_keys.create("nightly")
    with pytest.raises(ConfigurationError, match="has a live API key nightly"):
        await service.api_keys.create("nightly")
    await service.api_keys.create("nightly", tenant_id="studio")
    with pytest.raises(ConfigurationError, match="Several tenants"):
        await service.api_keys.revoke("nightly")
    by_id = {key.tenant_id: key.key_id for key in await service.api_keys.listing()}
    assert (await service.api_keys.revoke(by_id["studio"])).tenant_id == "studio"
    assert (await service.api_keys.revoke("nightly")).tenant_id == LOCAL_TENANT
    with pytest.raises(ConfigurationError, match="no live API key"):
        await service.api_keys.revoke("nightly")


@pytest.mark.parametrize(
    ("name", "scopes", "tenant"),
    [
        ("", ("read",), "studio"),
        ("a b", ("read",), "studio"),
        ("x" * 65, ("read",), "studio"),
        ("nightly", (), "studio"),
        ("nightly", ("read", "root"), "studio"),
        ("nightly", ("read",), "-studio"),
        ("nightly", ("read",), "studio\n"),
    ],
)
async def test_what_no_key_can_be_is_refused_and_nothing_is_made(
    service: Service, name: str, scopes: tuple[str, ...], tenant: str
) -> None:
    with pytest.raises(ConfigurationError):
        await service.api_keys.create(name, scopes, tenant)
    assert await service.api_keys.listing() == []


async def test_a_key_lives_on_with_a_new_encryption_key_once_it_was_used_while_the_old_one_was_there(
    settings_with: Callable[..., Settings],
) -> None:
    old, new = encryption_key(), encryption_key()
    rings = [{"encryption_keys": ring, "encryption_key": ""} for ring in (old, f"{new},{old}", new)]
    async with aclosing(await Service.open(settings_with(**rings[0]))) as service:
        used, unused = await service.api_keys.create("used"), await service.api_keys.create("unused")
        assert await service.api_keys.names_of_older() == []
    async with aclosing(await Service.open(settings_with(**rings[1]))) as service:
        assert await service.api_keys.names_of_older() == ["unused", "used"]
        async with calling(service, authenticate=True) as api:
            assert [await is_valid(api, used) for _ in range(2)] == [True, True]
        assert await service.api_keys.names_of_older() == ["unused"]
    async with (
        aclosing(await Service.open(settings_with(**rings[2]))) as service,
        calling(service, authenticate=True) as api,
    ):
        assert [await is_valid(api, key) for key in (used, unused)] == [True, False]


# ---- tenants -----------------------------------------------------------------------------------------------------


async def test_keys_of_the_local_tenant_see_what_was_made_in_process(service: Service) -> None:
    async with calling(service) as api:
        connector = await created(api)
    async with calling(service, authenticate=True) as api:
        assert (await api.get("/connectors", headers=await headers_of(service))).json() == [connector]
        assert (await api.get("/connectors", headers=await headers_of(service, tenant="studio"))).json() == []


KEY = {"Idempotency-Key": "the-same"}
CREATIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "/connectors/s3": lambda: {"json": s3_body()},
    "/connectors/azure": lambda: {"json": azure_body()},
    "/connectors/gcs": lambda: {"data": gcs_form(), "files": gcs_file(service_account())},
}


async def test_no_operation_reaches_another_tenants_connectors_or_answers(service: Service) -> None:
    async with calling(service, authenticate=True) as api:
        owner, stranger = await headers_of(service, tenant="one"), await headers_of(service, tenant="two")
        mine = list[Json]()
        for number, (path, body) in enumerate(CREATIONS.items()):
            key = {"Idempotency-Key": f"key-{number}"}
            made = [await api.post(path, headers=whose | key, **body()) for whose in (owner, stranger)]
            assert [answer.status_code for answer in made] == [201, 201]
            assert made[0].json()["connector_id"] != made[1].json()["connector_id"]
            mine.append(made[0].json())
        assert (await api.get("/connectors", headers=owner)).json() == mine
        for connector in mine:
            path = f"/connectors/{connector['connector_id']}"
            answers = [
                await api.get(path, headers=stranger),
                await api.patch(path, headers=stranger, json={"name": "Taken"}),
                await api.post(f"{path}/test", headers=stranger | KEY),
                await api.post(f"{path}/browse", headers=stranger, json={}),
                await api.delete(path, headers=stranger),
            ]
            assert [answer.status_code for answer in answers] == [404] * 5
            assert not [answer for answer in answers if connector["name"] in answer.text]
            error_of(answers[0], 404, "connector_not_found")
        theirs: list[Json] = (await api.get("/connectors", headers=stranger)).json()
        assert not {each["connector_id"] for each in theirs} & {each["connector_id"] for each in mine}
        assert (await api.get("/connectors", headers=owner)).json() == mine
