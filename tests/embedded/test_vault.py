"""Sealed credentials open for their own row, with a key of the ring, and in no other way."""

from __future__ import annotations

import secrets

import pytest

from mcp_server.embedded.vault import Vault
from mcp_server.errors import ApiRefused

CREDENTIALS = {"aws_access_key_id": "example", "aws_secret_access_key": secrets.token_urlsafe(30)}


def a_key() -> bytes:
    return secrets.token_bytes(32)


def refusal(vault: Vault, sealed: bytes, tenant_id: str = "local", connector_id: str = "conn_1") -> ApiRefused:
    with pytest.raises(ApiRefused) as caught:
        vault.open(sealed, tenant_id, connector_id)
    assert (caught.value.status, caught.value.retryable) == (409, False)
    assert "update_connector" in caught.value.hint
    return caught.value


def test_what_was_sealed_opens_again() -> None:
    vault = Vault([a_key()])
    assert vault.open(vault.seal(CREDENTIALS, "local", "conn_1"), "local", "conn_1") == CREDENTIALS


def test_nothing_of_the_credentials_is_visible_and_no_two_seals_are_equal() -> None:
    vault = Vault([a_key()])
    sealed = [vault.seal(CREDENTIALS, "local", "conn_1") for _ in range(2)]
    assert sealed[0] != sealed[1]
    assert CREDENTIALS["aws_secret_access_key"].encode() not in sealed[0]


@pytest.mark.parametrize(("tenant_id", "connector_id"), [("other", "conn_1"), ("local", "conn_2")])
def test_a_seal_copied_to_another_row_does_not_open(tenant_id: str, connector_id: str) -> None:
    vault = Vault([a_key()])
    sealed = vault.seal(CREDENTIALS, "local", "conn_1")
    assert refusal(vault, sealed, tenant_id, connector_id).code == "connector_credentials_damaged"


def test_every_changed_byte_is_noticed() -> None:
    vault = Vault([a_key()])
    sealed = vault.seal(CREDENTIALS, "local", "conn_1")
    for place in range(len(sealed)):
        refusal(vault, sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])


@pytest.mark.parametrize("length", [0, 1, 8, 9, 15, 21, 30])
def test_a_cut_seal_does_not_open(length: int) -> None:
    vault = Vault([a_key()])
    refusal(vault, vault.seal(CREDENTIALS, "local", "conn_1")[:length])


def test_another_key_is_named_as_the_cause() -> None:
    sealed = Vault([a_key()]).seal(CREDENTIALS, "local", "conn_1")
    assert refusal(Vault([a_key()]), sealed).code == "connector_credentials_sealed_with_another_key"


def test_after_a_rotation_the_old_key_still_opens_and_the_new_one_seals() -> None:
    old, new = a_key(), a_key()
    rotated = Vault([new, old])
    assert rotated.open(Vault([old]).seal(CREDENTIALS, "local", "conn_1"), "local", "conn_1") == CREDENTIALS
    assert Vault([new]).open(rotated.seal(CREDENTIALS, "local", "conn_1"), "local", "conn_1") == CREDENTIALS


def test_a_digest_is_recognized_by_its_key_and_content_alone() -> None:
    old, new = a_key(), a_key()
    digest = Vault([old]).digest(b"content")
    assert Vault([new, old]).recognizes(digest, b"content")
    assert not Vault([new, old]).recognizes(digest, b"other content")
    assert not Vault([new]).recognizes(digest, b"content")
    assert [Vault(keys).can_compare(digest) for keys in ([new, old], [new])] == [True, False]
    assert Vault([new]).digest(b"content") != digest


def test_the_same_credentials_are_known_under_any_seal_and_what_cannot_be_opened_is_the_same_as_nothing() -> None:
    old, new = a_key(), a_key()
    vault = Vault([new, old])
    sealed, older = vault.seal(CREDENTIALS, "local", "conn_1"), Vault([old]).seal(CREDENTIALS, "local", "conn_1")
    other = vault.seal({**CREDENTIALS, "aws_access_key_id": "other"}, "local", "conn_1")
    lost = Vault([a_key()]).seal(CREDENTIALS, "local", "conn_1")
    found = [vault.is_same(sealed, each, "local", "conn_1") for each in (sealed, older, other, lost)]
    assert found == [True, True, False, False]


def test_an_api_key_is_known_by_one_digest_for_each_key_of_the_ring_newest_first() -> None:
    old, new = a_key(), a_key()
    digests = Vault([new, old]).api_key_digests("key")
    assert digests == (*Vault([new]).api_key_digests("key"), *Vault([old]).api_key_digests("key"))
    assert digests[0].startswith(Vault([new]).key_id)
    assert Vault([new]).digest(b"key") not in digests
    assert set(digests).isdisjoint(Vault([new, old]).api_key_digests("another"))
