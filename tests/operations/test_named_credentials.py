"""Credentials that the operator named: a real file, real sources, the real server; the model knows a name alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mcp_server.credentials.book import CredentialBook
from mcp_server.fields import CREDENTIAL_FIELDS, SECRET_FIELDS
from tests.emulators import Emulator
from tests.operations.asking import secrets_in, without_credentials
from tests.sessions import DATA_DIR, Json, connected

pytestmark = pytest.mark.anyio
KINDS = ("env", "file", "command")
VARIABLE = "STUDIO_"


@dataclass(frozen=True)
class Operator:
    """Keeps a file of named credentials, and the sources that it names."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "credentials.toml"

    def sets_up(self, kind: str, name: str, provider: str) -> None:
        """Add an entry whose every field comes from a source of this kind."""
        lines = [f"{field} = {{ {kind} = {self._place(kind, field)} }}" for field in CREDENTIAL_FIELDS[provider]]
        before = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        self.path.write_text("\n".join([before, f"[{name}]", f'provider = "{provider}"', *lines, ""]), encoding="utf-8")
        self.path.chmod(0o600)
        CredentialBook(self.path).verify()

    def _place(self, kind: str, field: str) -> str:
        if kind == "command":
            program = "import pathlib; print(pathlib.Path(__import__('sys').argv[1]).read_text())"
            return json.dumps([sys.executable, "-c", program, str(self.folder / field)])
        return json.dumps(VARIABLE + field.upper() if kind == "env" else field)

    def keeps(self, provider: str, arguments: Mapping[str, Any]) -> dict[str, str]:
        """The sources give these from now on; returns the variables, which a process gets when it starts."""
        values = {field: _text(arguments[field]) for field in CREDENTIAL_FIELDS[provider]}
        for field, value in values.items():
            (self.folder / field).write_text(value, encoding="utf-8")
            (self.folder / field).chmod(0o600)
        return {VARIABLE + field.upper(): value for field, value in values.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.fixture
def settings(emulator: Emulator, operator: Operator, tmp_path: Path) -> dict[str, str]:
    book = {"VIDEOVECTOR_CREDENTIALS_FILE": str(operator.path)}
    return {**emulator.settings, DATA_DIR: str(tmp_path / "data"), **book}


def _nothing_seen(emulator: Emulator, *texts: object) -> None:
    assert [secret for secret in secrets_in(emulator) for text in texts if secret[:12] in str(text)] == []


# ---- names that are allowed --------------------------------------------------------------------------------------


async def test_a_name_makes_a_connector_that_works_whatever_source_stands_behind_it(
    era: str, provider: str, emulator: Emulator, operator: Operator, settings: Mapping[str, str]
) -> None:
    variables = operator.keeps(provider, emulator.arguments())
    for kind in KINDS:
        operator.sets_up(kind, f"studio-{kind}", provider)
    async with connected(era, {**settings, **variables}) as session:
        for kind in KINDS:
            known = without_credentials(provider, emulator.arguments())
            created = await session.call(f"create_{provider}_connector", **known, credentials=f"studio-{kind}")
            assert "note" not in created
            assert (await session.call("test_connector", connector_id=created["connector_id"]))["success"]
            _nothing_seen(emulator, created, session.tools)


async def test_a_source_that_changed_is_read_anew_and_replaces_what_a_connector_has(
    era: str, provider: str, emulator: Emulator, operator: Operator, settings: Mapping[str, str]
) -> None:
    for kind in ("file", "command"):
        operator.sets_up(kind, kind, provider)
    async with connected(era, settings) as session:
        for kind in ("file", "command"):
            operator.keeps(provider, emulator.wrong_secret_arguments())
            known = without_credentials(provider, emulator.arguments())
            created = await session.call(f"create_{provider}_connector", **known, credentials=kind)
            one = {"connector_id": created["connector_id"]}
            assert not (await session.call("test_connector", **one))["success"]
            operator.keeps(provider, emulator.arguments())
            updated = await session.call("update_connector", **one, credentials=kind, name="Mended")
            assert (updated["name"], "note" in updated) == ("Mended", False)
            assert (await session.call("test_connector", **one))["success"]
            _nothing_seen(emulator, created, updated)


async def test_the_names_of_a_provider_are_told_to_be_preferred_as_soon_as_there_are_any(
    era: str, provider: str, emulator: Emulator, operator: Operator, settings: Mapping[str, str]
) -> None:
    other = next(each for each in CREDENTIAL_FIELDS if each != provider)
    operator.sets_up("env", "elsewhere", other)
    async with connected(era, settings) as session:
        for names in ("none yet", "studio"):
            if names == "studio":
                operator.sets_up("env", "studio", provider)
            listed = {tool.name: tool for tool in (await session.client.list_tools(cache_mode="bypass")).tools}
            creation, update = listed[f"create_{provider}_connector"], listed["update_connector"]
            described = creation.input_schema["properties"]["credentials"]["description"]
            assert described.endswith(names)
            assert ("Prefer credentials" in (creation.description or "")) == (names == "studio")
            assert ("studio" in str(update.input_schema)) == (names == "studio")
            assert "Prefer credentials" in (update.description or "")
            assert [word for word in (VARIABLE, str(operator.folder), "toml") if word in str(listed)] == []


# ---- names that are not ------------------------------------------------------------------------------------------

INVENTED = ("unknown", "/etc/passwd", "env:HOME", "$HOME", "credentials.toml", "../studio", '{"env": "HOME"}', "STUDIO")


def _forbidden(provider: str) -> Iterator[str]:
    yield from INVENTED
    yield from (f"of-{other}" for other in CREDENTIAL_FIELDS if other != provider)


async def test_an_unknown_name_and_another_providers_are_refused_in_the_same_words(
    era: str, provider: str, emulator: Emulator, operator: Operator, settings: Mapping[str, str]
) -> None:
    for each in CREDENTIAL_FIELDS:
        operator.sets_up("file", f"of-{each}", each)
    operator.keeps(provider, emulator.arguments())
    async with connected(era, settings) as session:
        tool, known = f"create_{provider}_connector", without_credentials(provider, emulator.arguments())
        texts = {await session.refused(tool, **known, credentials=name) for name in _forbidden(provider)}
        assert len(texts) == 1
        (text,) = texts
        assert f"credentials: must be one of those for {provider}: of-{provider}" in text
        assert "code: validation_error, retry: no" in text
        created = await session.call(tool, **known, credentials=f"of-{provider}")
        one = {"connector_id": created["connector_id"]}
        updates = {await session.refused("update_connector", **one, credentials=name) for name in _forbidden(provider)}
        assert updates == texts
        assert (await session.call("list_connectors"))["total"] == 1


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_where_the_operator_has_set_up_nothing_every_name_is_refused(
    era: str, provider: str, emulator: Emulator, tmp_path: Path
) -> None:
    nowhere = {"XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path), "HOME": str(tmp_path)}
    settings = {**emulator.settings, DATA_DIR: str(tmp_path / "data"), **nowhere}
    async with connected(era, settings) as session:
        known = without_credentials(provider, emulator.arguments())
        text = await session.refused(f"create_{provider}_connector", **known, credentials="studio")
        assert f"credentials: the operator has set up none for {provider}" in text


# ---- sources that fail -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_a_source_that_fails_is_named_by_its_kind_and_the_model_learns_no_place(
    era: str, provider: str, emulator: Emulator, operator: Operator, settings: Mapping[str, str]
) -> None:
    for kind in KINDS:
        operator.sets_up(kind, f"of-{kind}", provider)
    async with connected(era, settings) as session:
        known = without_credentials(provider, emulator.arguments())
        for kind in KINDS:
            text = await session.refused(f"create_{provider}_connector", **known, credentials=f"of-{kind}")
            assert f"The credentials of-{kind} cannot be read: aws_access_key_id comes from a source ({kind})" in text
            assert f"credentials check of-{kind}" in text
            assert [place for place in (VARIABLE, str(operator.folder), sys.executable) if place in text] == []
        assert (await session.call("list_connectors"))["total"] == 0


async def test_a_source_whose_value_is_no_good_is_the_operators_to_correct_and_not_the_models(
    era: str, provider: str, emulator: Emulator, operator: Operator, settings: Mapping[str, str]
) -> None:
    (secret,) = SECRET_FIELDS & set(CREDENTIAL_FIELDS[provider])
    operator.keeps(provider, {**emulator.arguments(), secret: "qwzjx"})
    operator.sets_up("file", "studio", provider)
    async with connected(era, settings) as session:
        known = without_credentials(provider, emulator.arguments())
        text = await session.refused(f"create_{provider}_connector", **known, credentials="studio")
        assert "qwzjx" not in text
        assert "operator" in text
        assert "validation_error" not in text


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_a_file_that_is_spoiled_while_a_server_runs_is_told_without_what_is_wrong_with_it(
    era: str, provider: str, emulator: Emulator, operator: Operator, settings: Mapping[str, str]
) -> None:
    operator.sets_up("file", "studio", provider)
    async with connected(era, settings) as session:
        operator.path.write_text("[studio]\nprovider = 'nobody'\n", encoding="utf-8")
        known: Json = without_credentials(provider, emulator.arguments())
        text = await session.refused(f"create_{provider}_connector", **known, credentials="studio")
        assert "The operator's named credentials cannot be used." in text
        assert [word for word in ("nobody", str(operator.folder)) if word in text] == []
        assert "none yet" in str((await session.client.list_tools(cache_mode="bypass")).tools)
