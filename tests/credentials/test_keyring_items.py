"""Items of a real keyring: read at each call, stored and deleted, and what is said when there is no keyring."""

from __future__ import annotations

import socket
from pathlib import Path

import keyring
import pytest

from mcp_server.credentials.keyring_items import KeyringItem
from mcp_server.credentials.sources import Unreadable
from tests.materials import ARGUMENTS, AZURE_SECRET, made
from tests.sessions import DATA_DIR, speaking

pytestmark = pytest.mark.anyio
BLOCKING = """\
import os, socket, time
from keyring.backends import null

class Keyring(null.Keyring):
    priority = 1

    def get_password(self, service, username):
        line = socket.create_connection(("127.0.0.1", int(os.environ["ASKED_PORT"])))
        time.sleep(3600)
"""
ITEM = KeyringItem.own("review", "client_secret")


async def fault_of(item: KeyringItem) -> str:
    with pytest.raises(Unreadable) as caught:
        await item.read("client_secret")
    return str(caught.value)


async def test_an_item_is_read_at_the_call(keyring_folder: Path) -> None:
    for secret in (AZURE_SECRET, made("rotated")):
        keyring.set_password("videovector-connectors", "review/client_secret", secret)
        assert await ITEM.read("client_secret") == {"client_secret": secret}


async def test_an_item_may_be_another_programs(keyring_folder: Path) -> None:
    keyring.set_password("vault", "somebody", AZURE_SECRET)
    item = KeyringItem(service="vault", username="somebody")
    assert await item.read("client_secret") == {"client_secret": AZURE_SECRET}


async def test_an_item_that_is_not_there_is_a_fault_and_its_place_is_known(keyring_folder: Path) -> None:
    assert await fault_of(ITEM) == "there is none"
    assert ITEM.place == "the keyring's item review/client_secret of the service videovector-connectors"
    assert "review" not in repr(ITEM)


@pytest.mark.usefixtures("no_keyring")
async def test_a_machine_without_keyring_is_a_fault() -> None:
    assert await fault_of(ITEM) == "this machine has no keyring"


@pytest.mark.usefixtures("broken_keyring")
async def test_a_keyring_that_fails_is_named_by_its_error_alone() -> None:
    assert await fault_of(ITEM) == "the keyring failed (ModuleNotFoundError)"


def test_an_item_is_stored_and_deleted(keyring_folder: Path) -> None:
    ITEM.store(AZURE_SECRET)
    assert ITEM.stored() == AZURE_SECRET
    ITEM.delete()
    ITEM.delete()
    assert ITEM.stored() is None


@pytest.mark.parametrize("before", [None, made("before")])
def test_an_item_is_put_back_as_it_was(keyring_folder: Path, before: str | None) -> None:
    ITEM.store(AZURE_SECRET)
    ITEM.put_back(before)
    assert ITEM.stored() == before


@pytest.mark.usefixtures("no_keyring")
def test_where_nothing_can_be_put_back_nothing_is_said() -> None:
    ITEM.put_back(AZURE_SECRET)


@pytest.mark.usefixtures("forgetful_keyring")
def test_a_keyring_that_does_not_keep_a_secret_is_a_fault() -> None:
    with pytest.raises(Unreadable, match="did not keep"):
        ITEM.store(AZURE_SECRET)


def test_a_server_whose_client_is_gone_does_not_wait_for_a_keyring(tmp_path: Path) -> None:
    (tmp_path / "blocking.py").write_text(BLOCKING, encoding="utf-8")
    book = tmp_path / "credentials.toml"
    book.write_text('[archive]\nprovider = "gcs"\ncredentials_json = { keyring = "x" }\n', encoding="utf-8")
    book.chmod(0o600)
    known = {name: value for name, value in ARGUMENTS["create_gcs_connector"].items() if name != "credentials_json"}
    with socket.create_server(("127.0.0.1", 0)) as asked:
        asked.settimeout(60)
        settings = {
            DATA_DIR: str(tmp_path / "data"),
            "VIDEOVECTOR_CREDENTIALS_FILE": str(book),
            "PYTHONPATH": str(tmp_path),
            "PYTHON_KEYRING_BACKEND": "blocking.Keyring",
            "ASKED_PORT": str(asked.getsockname()[1]),
        }
        with speaking(settings, tmp_path) as server:
            server.initialize()
            server.request(
                "tools/call", {"name": "create_gcs_connector", "arguments": {**known, "credentials": "archive"}}
            )
            line, _ = asked.accept()
            with line:
                server.stdin.close()
                assert server.process.wait(60) == 0
