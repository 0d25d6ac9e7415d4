"""Seals credentials for the database and opens them again; makes keyed digests. Nothing is stored here.

A sealed value is: version (1 byte), key id (8), nonce (12), AES-256-GCM ciphertext and tag. Tenant and connector are
bound to it, so that it opens in no other row.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mcp_server.errors import ApiRefused

_VERSION = b"\x01"
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_HEAD_BYTES = len(_VERSION) + _KEY_ID_BYTES
_RENEW = "or give the connector new credentials with update_connector."


@dataclass(frozen=True)
class _Key:
    """What is derived from one key of the ring; each purpose has its own subkey, so that no use weakens another."""

    key_id: bytes
    cipher: AESGCM = field(repr=False)
    digest_key: bytes = field(repr=False)
    api_key_key: bytes = field(repr=False)


def _derived(key: bytes, purpose: str, length: int) -> bytes:
    info = f"videovector-connectors {purpose} 1".encode()
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(key)


def _key(key: bytes) -> _Key:
    sealing = AESGCM(_derived(key, "sealing", 32))
    key_id = _derived(key, "key id", _KEY_ID_BYTES)
    return _Key(key_id, sealing, _derived(key, "request digest", 32), _derived(key, "api key digest", 32))


def _bound_to(head: bytes, tenant_id: str, connector_id: str) -> bytes:
    return head + json.dumps([tenant_id, connector_id]).encode()


class Vault:
    """A ring of 32-byte keys: the first seals and digests, every one opens and recognizes."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        ring = [_key(key) for key in keys]
        self._first = ring[0]
        self._ring = {key.key_id: key for key in ring}
        self.key_id = self._first.key_id
        """Of the first key: all digests that are made now begin with it."""
        self.seal_head = _VERSION + self.key_id
        """How all values begin that are sealed now."""

    def seal(self, credentials: Mapping[str, str], tenant_id: str, connector_id: str) -> bytes:
        """The credentials, readable by `open` alone, for this tenant and connector alone."""
        head = self.seal_head
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = json.dumps(dict(credentials)).encode()
        return head + nonce + self._first.cipher.encrypt(nonce, plain, _bound_to(head, tenant_id, connector_id))

    def open(self, sealed: bytes, tenant_id: str, connector_id: str) -> dict[str, str]:
        """The credentials.

        Raises ApiRefused: 409 when no key of the ring sealed them, or when they are not what was sealed for this row.
        """
        head, nonce, rest = _parts(sealed)
        key = self._ring.get(head[len(_VERSION) :])
        if key is None or not head.startswith(_VERSION):
            raise ApiRefused(
                409,
                "connector_credentials_sealed_with_another_key",
                "The credentials of this connector were sealed with another encryption key.",
                hint=f"Restore that key (VIDEOVECTOR_ENCRYPTION_KEYS or the key file), {_RENEW}",
            )
        try:
            plain = key.cipher.decrypt(nonce, rest, _bound_to(head, tenant_id, connector_id))
        except (InvalidTag, ValueError):
            raise ApiRefused(
                409,
                "connector_credentials_damaged",
                "The stored credentials of this connector are damaged: they are not what was sealed for it.",
                hint=f"Restore the database from a backup, {_RENEW}",
            ) from None
        return dict(json.loads(plain))

    def is_same(self, one: bytes, other: bytes, tenant_id: str, connector_id: str) -> bool:
        """Whether two sealed values of a connector hold the same; False also when no key of the ring can tell."""
        try:
            return one == other or self.open(one, tenant_id, connector_id) == self.open(other, tenant_id, connector_id)
        except ApiRefused:
            return False

    def digest(self, content: bytes) -> bytes:
        """A keyed digest: it tells whether content is the same, and to nobody without the key what it is."""
        return self.key_id + hmac.digest(self._first.digest_key, content, "sha256")

    def api_key_digests(self, api_key: str) -> tuple[bytes, ...]:
        """What the key may be known by, one digest for each key of the ring; new ones are known by the first."""
        keys = self._ring.values()
        return tuple(key.key_id + hmac.digest(key.api_key_key, api_key.encode(), "sha256") for key in keys)

    def can_compare(self, digest: bytes) -> bool:
        """Whether the key that made the digest is in the ring."""
        return digest[:_KEY_ID_BYTES] in self._ring

    def recognizes(self, digest: bytes, content: bytes) -> bool:
        """Whether the digest was made of this content, by any key of the ring."""
        key = self._ring.get(digest[:_KEY_ID_BYTES])
        if key is None:
            return False
        return hmac.compare_digest(digest[_KEY_ID_BYTES:], hmac.digest(key.digest_key, content, "sha256"))


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    rest = sealed[_HEAD_BYTES:]
    return sealed[:_HEAD_BYTES], rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
