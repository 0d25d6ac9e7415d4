"""Seals credentials for the database and opens them again, and makes keyed digests of requests. Nothing is stored here.

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


def _derived(key: bytes, purpose: str, length: int) -> bytes:
    info = f"videovector-connectors {purpose} 1".encode()
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(key)


def _key(key: bytes) -> _Key:
    sealing = AESGCM(_derived(key, "sealing", 32))
    return _Key(_derived(key, "key id", _KEY_ID_BYTES), sealing, _derived(key, "request digest", 32))


def _bound_to(head: bytes, tenant_id: str, connector_id: str) -> bytes:
    return head + json.dumps([tenant_id, connector_id]).encode()


class Vault:
    """A ring of 32-byte keys: the first seals and digests, every one opens and recognizes."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        ring = [_key(key) for key in keys]
        self._first = ring[0]
        self._ring = {key.key_id: key for key in ring}

    def seal(self, credentials: Mapping[str, str], tenant_id: str, connector_id: str) -> bytes:
        """The credentials, readable by `open` alone, for this tenant and connector alone."""
        head = _VERSION + self._first.key_id
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
                hint=f"Restore that key (VIDEOVECTOR_ENCRYPTION_KEY or the key file), {_RENEW}",
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

    def digest(self, content: bytes) -> bytes:
        """A keyed digest: it tells whether content is the same, and to nobody without the key what it is."""
        return self._first.key_id + _digest(self._first, content)

    def can_compare(self, digest: bytes) -> bool:
        """Whether the key that made the digest is in the ring."""
        return digest[:_KEY_ID_BYTES] in self._ring

    def recognizes(self, digest: bytes, content: bytes) -> bool:
        """Whether the digest was made of this content, by any key of the ring."""
        key = self._ring.get(digest[:_KEY_ID_BYTES])
        return key is not None and hmac.compare_digest(digest[_KEY_ID_BYTES:], _digest(key, content))


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    rest = sealed[_HEAD_BYTES:]
    return sealed[:_HEAD_BYTES], rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]


def _digest(key: _Key, content: bytes) -> bytes:
    return hmac.digest(key.digest_key, content, "sha256")
