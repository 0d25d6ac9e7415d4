"""The net that looks for canaries finds those that are planted: without that, finding none would mean nothing."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.canaries import Net, forms, odd_secret
from tests.emulators.gcs import new_private_key, pem
from tests.materials import ARGUMENTS
from tests.sessions import DATA_DIR, speaking


def planted(secret: str) -> Iterator[bytes]:
    """The secret as an upstream, a log or a database may write it."""
    yield b"..." + secret.encode() + b"..."
    yield json.dumps({"said": secret}).encode()
    yield json.dumps({"said": json.dumps({"said": secret}, ensure_ascii=False)}).encode()
    yield f"?secret={quote(secret, safe='')}&x".encode()
    for offset in range(3):
        yield base64.b64encode(b"x" * offset + secret.encode() + b"tail")
        yield base64.urlsafe_b64encode(b"x" * offset + secret.encode() + b"tail")


@pytest.mark.parametrize("kind", ["odd", "plain", "PEM"])
def test_the_net_finds_a_canary_that_is_planted(kind: str, tmp_path: Path) -> None:
    secret = {"odd": odd_secret(), "plain": secrets.token_urlsafe(30), "PEM": pem(new_private_key())}[kind]
    net = Net()
    net.remember({"client_secret": secret})
    for number, text in enumerate(planted(secret)):
        assert net.found_in(text) == [secret], number
        (tmp_path / "deep").mkdir(exist_ok=True)
        (tmp_path / "deep" / f"file-{number}").write_bytes(text)
    assert len(net.found_below(tmp_path)) == len(list(planted(secret)))
    assert net.found_in(b"nothing of it") == []
    assert min(map(len, forms(secret))) > 16


def test_the_net_finds_a_line_of_a_private_key() -> None:
    key = {"type": "service_account", "private_key": pem(new_private_key())}
    net = Net()
    net.remember({"credentials_json": key})
    assert net.found_in(key["private_key"].splitlines()[7].encode())


def test_the_net_reads_the_process_of_a_server_that_does_leak(tmp_path: Path) -> None:
    """What a caller says is no secret is stored in clear, and must be found."""
    with speaking({DATA_DIR: str(tmp_path / "data")}, tmp_path) as lines:
        leaked = secrets.token_urlsafe(30)
        lines.initialize()
        lines.call("create_s3_connector", **{**ARGUMENTS["create_s3_connector"], "name": leaked})
        lines.end()
        net = Net({leaked})
        assert net.found_in(bytes(lines.heard)) == [leaked]
        assert "connectors.db" in "".join(net.found_below(tmp_path))
