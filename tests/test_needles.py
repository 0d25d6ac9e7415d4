"""Of a key file and a PEM block only what is secret is sought, and all of that."""

from __future__ import annotations

import json
import re

import pytest

from mcp_server.redaction import redact
from tests.materials import SERVICE_ACCOUNT, made, pem, service_account

MARKER = re.compile(r"\[redacted [a-z_]+\]")


def test_the_ends_of_a_pem_block_are_no_secret() -> None:
    for text in ("-----BEGIN CERTIFICATE-----", "-----BEGIN PRI", "-----END PRIVATE KEY-----"):
        assert redact(text, [pem()]) == text


def test_what_two_keys_have_in_common_in_their_middle_is_no_secret() -> None:
    common = pem().split("\n")[1][3:23]
    assert redact(f"a certificate of {common}", [pem()]) == f"a certificate of {common}"


def test_a_pem_block_is_found_in_one_line_and_escaped() -> None:
    block = pem()
    for text in (block, json.dumps(block), block.replace("\n", " "), block.replace("\n", ""), repr(block)):
        assert not any(line in redact(text, [block]) for line in block.split("\n") if len(line) == 64)


@pytest.mark.parametrize("key", [SERVICE_ACCOUNT, json.dumps(service_account(), indent=2), SERVICE_ACCOUNT[:-1]])
def test_only_the_private_key_of_a_key_file_is_secret(key: str) -> None:
    scrubbed = redact(key, {key: "credentials_json"})
    assert json.dumps(pem()) not in scrubbed
    for name, value in service_account(private_key=None).items():
        assert f'"{name}": "{value}"' in scrubbed
    assert redact('{"type": "service_account"', [key]) == '{"type": "service_account"'


def test_a_private_key_that_is_no_pem_block_is_secret_too() -> None:
    key = json.dumps(service_account(private_key=made("no PEM")))
    assert redact(f"{made('no PEM')} of media-project", [key]) == "[redacted private_key] of media-project"


@pytest.mark.parametrize("key", ["{}", '{"private_key": 7}', "{not JSON", '["a list"]', "{" * 10_000])
def test_what_is_no_key_file_is_a_secret_as_a_whole(key: str) -> None:
    assert MARKER.sub("", redact(f"<{key}>", [key])).strip("{") in {"<>", "<{{{>", "<{{>", "<{>"}


def test_a_pem_block_within_a_secret_makes_both_secret() -> None:
    secret = f"{made('before')} {pem()}"
    assert redact(made("before"), [secret]) == "[redacted secret]"
    assert redact(pem().split("\n")[2], [secret]) == "[redacted private_key]"
