"""Where a server listens: addresses that can be had or not, certificates that can be used or not."""

from __future__ import annotations

import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from anyio.lowlevel import checkpoint
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from starlette.responses import PlainTextResponse

from mcp_server.errors import ConfigurationError
from mcp_server.http_server import listening
from mcp_server.http_server.bounded_protocol import BoundedProtocol
from mcp_server.http_server.listening import Listening, allow_connections
from mcp_server.settings import load
from tests.http_server.draining import Identity, heard, plain_client, request, running

APP = PlainTextResponse("here")


def given(**flags: str) -> Listening:
    return Listening.of(load(flags, {}), 8080)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.made(tmp_path_factory.mktemp("identity"))


def test_the_settings_say_where_and_the_port_has_a_default() -> None:
    assert given() == Listening("127.0.0.1", 8080, 1)
    assert given(host="0.0.0.0", port="0", workers="3") == Listening("0.0.0.0", 0, 3)


@pytest.mark.parametrize("half", ["tls_cert", "tls_key"])
def test_half_of_an_identity_is_refused(half: str, identity: Identity) -> None:
    with pytest.raises(ConfigurationError, match="go together"):
        given(**{half: str(identity.cert)})


def test_an_identity_is_a_certificate_and_its_own_key_without_a_password(identity: Identity, tmp_path: Path) -> None:
    given(tls_cert=str(identity.cert), tls_key=str(identity.key))
    (tmp_path / "other").mkdir()
    (tmp_path / "text.pem").write_text("no certificate", encoding="utf-8")
    locked = tmp_path / "locked.pem"
    key = load_pem_private_key(identity.key.read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"open sesame"))
    )
    another = Identity.made(tmp_path / "other")
    for wrong in (tmp_path / "none.pem", tmp_path, tmp_path / "text.pem", locked, another.key, identity.cert):
        with pytest.raises(ConfigurationError, match="must be PEM files") as caught:
            given(tls_cert=str(identity.cert), tls_key=str(wrong))
        assert caught.value.__cause__ is None
    with pytest.raises(ConfigurationError, match="must be PEM files"):
        given(tls_cert=str(identity.key), tls_key=str(identity.key))


@pytest.mark.parametrize(
    ("host", "why"),
    [("203.0.113.7", "Cannot assign requested address"), ("2001:db8::7", ""), ("a" * 64, "")],
)
def test_an_address_that_this_machine_has_not_is_refused(host: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=f"--port: cannot listen on {host} port 0: {why}"):
        Listening(host, 0).open_socket()


def test_a_port_in_use_is_refused_and_a_free_one_is_found() -> None:
    with Listening("127.0.0.1", 0).open_socket() as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"--port: cannot listen on 127.0.0.1 port {port}: "):
            Listening("127.0.0.1", port).open_socket()
        with Listening("127.0.0.1", 0).open_socket() as second:
            assert second.getsockname()[1] not in (0, port)


def test_no_other_program_that_is_started_inherits_the_socket() -> None:
    with Listening("127.0.0.1", 0).open_socket() as opened:
        assert not opened.get_inheritable()


def missing(_: str) -> None:
    """What there is of a module that is not installed."""


@pytest.mark.parametrize(("httptools", "protocol"), [(True, BoundedProtocol), (False, "h11")])
def test_requests_are_read_by_httptools_where_there_is_one(
    *, httptools: bool, protocol: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "find_spec", find_spec if httptools else missing)
    assert Listening("127.0.0.1", 0).config(APP).http is protocol


@pytest.mark.parametrize(
    ("before", "after"),
    [((256, 1 << 20), 4096), ((256, 300), 300), ((8192, 1 << 20), 8192), ((-1, -1), -1), ((9, -1), 4096)],
)
def test_a_process_may_have_all_of_its_connections_open(
    before: tuple[int, int], after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    limits = {resource.RLIMIT_NOFILE: before}
    monkeypatch.setattr(resource, "RLIM_INFINITY", -1)
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    allow_connections()
    assert limits == {resource.RLIMIT_NOFILE: (after, before[1])}


def test_where_there_is_no_such_limit_none_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "find_spec", missing)
    allow_connections()


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.anyio
@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_an_address_of_ipv6_is_served_and_stands_in_brackets(identity: Identity) -> None:
    here = Listening("::1", 0, 1, identity.cert, identity.key)
    async with running(APP, here) as server, plain_client(identity.context) as http:
        assert server.url == f"https://[::1]:{server.port}"
        assert (await http.get(server.url)).text == "here"
    await checkpoint()


@pytest.mark.anyio
async def test_with_an_identity_a_request_without_tls_is_not_read(identity: Identity) -> None:
    here = Listening("127.0.0.1", 0, 1, identity.cert, identity.key)
    async with running(APP, here) as server, plain_client(identity.context) as http:
        assert (await http.get(server.url)).text == "here"
        async with await server.connected() as plain:
            await plain.send(request("GET", "/"))
            assert b"HTTP/" not in await heard(plain)
    await checkpoint()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
@pytest.mark.parametrize(("platform", "milliseconds"), [("linux", 30_000), ("darwin", 0)])
def test_who_reads_no_answer_is_cut_off_by_the_system(
    monkeypatch: pytest.MonkeyPatch, platform: str, milliseconds: int
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    with Listening("127.0.0.1", 0).open_socket() as opened:
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == milliseconds
