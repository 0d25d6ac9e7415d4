"""Secrets among the arguments: taken with a word of warning, or not taken at all where the operator says so."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import jsonschema
import pytest
from mcp import Client, StdioServerParameters

from mcp_server.fields import CREDENTIAL_FIELDS, SECRET_FIELDS
from tests.emulators import Emulator
from tests.operations.asking import secrets_in, typed, without_credentials
from tests.sessions import COMMAND, DATA_DIR, Session, connected, environment
from tests.test_portable_schema import outside_input
from tests.visiting import link_in, visiting

pytestmark = pytest.mark.anyio
DENY = {"VIDEOVECTOR_INLINE_SECRETS": "deny"}


@pytest.fixture
async def denying(era: str, anyio_backend: str, settings: Mapping[str, str]) -> AsyncGenerator[Session]:
    """A session with a server that takes no secret from a model."""
    async with connected(era, {**settings, **DENY}) as session:
        yield session


@asynccontextmanager
async def flagged(era: str, settings: Mapping[str, str], *flags: str) -> AsyncGenerator[Session]:
    """As `connected`, with flags on the server's command line."""
    server = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], *flags], env=environment(settings))
    async with Client(server, mode=era) as client:
        tools = (await client.list_tools()).tools
        yield Session(client, {tool.name: tool.model_dump(by_alias=True, exclude_none=True) for tool in tools})


# ---- allowed, with a warning -------------------------------------------------------------------------------------


async def test_a_secret_in_a_call_works_and_its_result_says_where_it_is_now(
    era: str, provider: str, emulator: Emulator, settings: Mapping[str, str]
) -> None:
    warning = "The secret is now in this conversation's transcript. Next time leave it out, to ask the person."
    async with connected(era, settings) as session:
        created = await session.call(f"create_{provider}_connector", **emulator.arguments())
        assert created["note"] == warning
        one = {"connector_id": created["connector_id"]}
        assert (await session.call("test_connector", **one))["success"]
        replaced = {name: emulator.arguments()[name] for name in CREDENTIAL_FIELDS[provider]}
        assert (await session.call("update_connector", **one, **replaced))["note"] == warning
        assert "note" not in await session.call("update_connector", **one, name="Renamed")
        assert "note" not in await session.call("get_connector", **one)


# ---- not allowed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_where_secrets_are_denied_no_schema_has_a_field_for_one(denying: Session) -> None:
    for tool in denying.tools.values():
        assert set(tool["inputSchema"]["properties"]).isdisjoint(SECRET_FIELDS)
        assert outside_input(tool["inputSchema"]) == []
        jsonschema.Draft202012Validator.check_schema(tool["inputSchema"])
        assert len(tool["description"]) < 1_024
    takers = [name for name, tool in denying.tools.items() if "credentials" in tool["inputSchema"]["properties"]]
    assert takers == ["create_gcs_connector", "create_s3_connector", "create_azure_connector", "update_connector"]


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_the_flag_denies_the_same_as_the_variable(
    era: str, denying: Session, emulator: Emulator, tmp_path: Path
) -> None:
    async with flagged(era, {DATA_DIR: str(tmp_path / "other")}, "--no-inline-secrets") as session:
        assert session.tools == denying.tools
        text = await session.refused("create_s3_connector", **emulator.arguments())
        assert "aws_secret_access_key: is not taken from a model here" in text


async def test_a_denied_secret_is_refused_and_nothing_is_made(
    provider: str, emulator: Emulator, denying: Session
) -> None:
    (field,) = SECRET_FIELDS & set(CREDENTIAL_FIELDS[provider])
    tool, arguments = f"create_{provider}_connector", emulator.arguments()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(arguments, denying.tools[tool]["inputSchema"])
    one = {"connector_id": "conn_123", **{name: arguments[name] for name in CREDENTIAL_FIELDS[provider]}}
    for name, given in ((tool, arguments), ("update_connector", one)):
        text = await denying.refused(name, **given)
        assert f"{field}: is not taken from a model here" in text
        assert "code: validation_error, retry: no" in text
        assert [secret for secret in secrets_in(emulator) if secret[:12] in text] == []
    assert (await denying.call("list_connectors"))["total"] == 0


async def test_where_secrets_are_denied_the_person_is_asked_for_them(
    provider: str, emulator: Emulator, denying: Session
) -> None:
    (field,) = SECRET_FIELDS & set(CREDENTIAL_FIELDS[provider])
    kept = [name for name in CREDENTIAL_FIELDS[provider] if name != field]
    known = without_credentials(provider, emulator.arguments(), *kept)
    jsonschema.validate(known, denying.tools[f"create_{provider}_connector"]["inputSchema"])
    text = await denying.refused(f"create_{provider}_connector", **known)
    async with visiting(link_in(text)) as visit:
        await visit.send(**typed(provider, emulator.arguments(), *kept))
        assert visit.status == 200, visit.text
    created = await denying.call(f"create_{provider}_connector", **known)
    assert (created["last_test_result"], "note" in created) == ("success", False)
