"""A service-account key as an argument: every form it may come in, and every way in which it may be none."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from mcp_server import wire
from mcp_server.errors import InvalidArguments
from mcp_server.operations import CREATE_GCS_CONNECTOR
from mcp_server.redaction import MARKER, Secret, redact, reveal, reveal_text, secrets_of
from mcp_server.service_account import MAX_DEPTH, REQUIRED_FIELDS, ServiceAccountKey
from tests.materials import SERVICE_ACCOUNT, Json, arguments, made, pem, service_account

CANARY = made("service account")


class Holder(BaseModel):
    key: ServiceAccountKey | None = None


def _refusal(key: object) -> str:
    with pytest.raises(InvalidArguments) as caught:
        wire.parse(CREATE_GCS_CONNECTOR, arguments("create_gcs_connector", credentials_json=key))
    (violation,) = caught.value.violations
    assert violation.field == "credentials_json"
    assert CANARY not in f"{caught.value} {caught.value!r}"
    assert "-----BEGIN" not in str(caught.value)
    return violation.rule


@pytest.mark.parametrize(
    "key",
    [
        service_account(),
        SERVICE_ACCOUNT,
        SERVICE_ACCOUNT.encode(),
        json.dumps(service_account(), indent=2),
        ServiceAccountKey.checked(SERVICE_ACCOUNT),
        Secret(SERVICE_ACCOUNT),
        MappingProxyType(service_account()),
        f"\n{SERVICE_ACCOUNT}\n",
        b"\xef\xbb\xbf" + SERVICE_ACCOUNT.encode(),
    ],
    ids=["object", "text", "bytes", "pretty text", "key", "secret", "mapping", "blanks around", "byte order mark"],
)
def test_a_key_may_come_as_an_object_or_as_its_text(key: object) -> None:
    request = wire.parse(CREATE_GCS_CONNECTOR, arguments("create_gcs_connector", credentials_json=key))
    assert json.loads(reveal(request)["credentials_json"]) == service_account()


def test_a_text_is_sent_on_as_it_came() -> None:
    text = json.dumps(service_account(), indent=4)
    assert reveal_text(ServiceAccountKey.checked(text)) == text


@pytest.mark.parametrize("kind", ["authorized_user", "external_account", "", None, 7, ["service_account"]])
def test_a_key_of_another_type_is_refused(kind: object) -> None:
    assert "its type must be service_account" in _refusal(service_account(type=kind))


@pytest.mark.parametrize("name", REQUIRED_FIELDS)
@pytest.mark.parametrize("value", [None, "", "  ", 7, [CANARY], {"a": CANARY}])
def test_a_missing_part_is_named(name: str, value: object) -> None:
    assert f"{name} is missing" in _refusal(service_account(**{name: value}))


def test_everything_wrong_with_a_key_is_said_at_once() -> None:
    rule = _refusal({"private_key": CANARY})
    assert all(name in rule for name in ("type", "project_id", "private_key_id", "client_email", "token_uri", "PEM"))


@pytest.mark.parametrize("private_key", [CANARY, "BEGIN", "-----END", f"x{pem()}"])
def test_a_private_key_that_is_no_pem_block_is_refused(private_key: str) -> None:
    assert "private_key must be a PEM block" in _refusal(service_account(private_key=private_key))


@pytest.mark.parametrize("key", [7, 1.5, True, [CANARY], [service_account()]])
def test_what_is_neither_object_nor_text_is_refused(key: object) -> None:
    assert "a JSON object, or that object as text" in _refusal(key)


@pytest.mark.parametrize(
    "text", [CANARY, "{", f'{{"type": "{CANARY}"', "\x00", "{" * 60_000, '{"a":' * 10_000, "\ufeff"]
)
def test_what_is_no_json_is_refused(text: str) -> None:
    assert "it is not valid JSON" in _refusal(text)


@pytest.mark.parametrize("text", ["[]", "null", "7", f'"{CANARY}"', "true"])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    assert "a JSON object" in _refusal(text)


@pytest.mark.parametrize("key", [service_account(note="n" * 70_000), "é" * 40_000, b"\xff" * 40_000])
def test_a_key_of_more_than_64_kib_is_refused(key: object) -> None:
    assert "at most 64 KiB" in _refusal(key)


@pytest.mark.parametrize("value", [b"\xff", "\ud800"])
def test_a_key_that_is_no_unicode_is_refused(value: str | bytes) -> None:
    _refusal(value)


@pytest.mark.parametrize("name", ["private_key", "private_key_id", "client_email", "note"])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_key_with_broken_unicode_inside_is_refused_or_can_be_kept_out_of_texts(name: str, *, as_text: bool) -> None:
    key = service_account(**{name: pem(last=f"{CANARY}\ud800")})
    given = arguments("create_gcs_connector", credentials_json=json.dumps(key) if as_text else key)
    shown = ""
    secrets: Iterable[str] = [""]
    try:
        secrets = secrets_of(wire.parse(CREATE_GCS_CONNECTOR, given))
    except InvalidArguments as error:
        shown = str(error)
    assert CANARY not in shown
    assert redact("harmless", secrets) == "harmless"


def test_an_object_that_is_no_json_is_refused() -> None:
    _refusal(service_account(note={CANARY}))
    _refusal(service_account(note=CANARY.encode()))


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'])
def test_a_key_that_is_nested_deep_is_refused_as_reading_it_again_may_fail(brackets: str, *, as_text: bool) -> None:
    def nested(levels: int) -> Json:
        opening, closing = brackets[:-1] * levels, brackets[-1] * levels
        return service_account(more=json.loads(f"{opening}{'7' if ':' in opening else ''}{closing}"))

    def given(levels: int) -> object:
        return json.dumps(nested(levels)) if as_text else nested(levels)

    assert ServiceAccountKey.checked(given(MAX_DEPTH - 1))
    assert f"nested more than {MAX_DEPTH} deep" in _refusal(given(MAX_DEPTH))


# ---- what is shown -----------------------------------------------------------------------------------------------


def test_a_key_shows_nothing_of_itself() -> None:
    holder = Holder(key=ServiceAccountKey.checked(service_account(note=CANARY)))
    shown = f"{holder!r} {holder.key} {holder.model_dump()} {holder.model_dump_json()}"
    assert MARKER in shown
    assert CANARY not in shown
    assert "media-project" not in shown


def test_pydantic_says_nothing_of_a_refused_key() -> None:
    with pytest.raises(ValidationError) as caught:
        Holder.model_validate({"key": {"private_key": CANARY}})
    errors = caught.value.errors(include_input=False)
    assert CANARY not in str(errors)


def test_the_private_key_is_a_secret_of_its_own() -> None:
    key = ServiceAccountKey.checked(SERVICE_ACCOUNT)
    assert key.parts() == (SERVICE_ACCOUNT, pem())
    assert key.fields["client_email"].endswith("gserviceaccount.com")
    assert redact(f"cannot load {pem()!r}", key.parts()) == "cannot load '[redacted private_key]\\n'"


def test_only_texts_are_fields_of_a_key() -> None:
    key = ServiceAccountKey.checked(service_account(note=7, more={"a": CANARY}, extra="kept"))
    assert set(key.fields) == {"type", *REQUIRED_FIELDS, "extra"}


def test_its_schema_is_that_of_a_text_when_it_is_an_argument() -> None:
    schema: dict[str, Any] = Holder.model_json_schema()
    assert {"type": "string"} in schema["properties"]["key"]["anyOf"]
