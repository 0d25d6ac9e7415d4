"""Which Host and Origin headers are accepted."""

from __future__ import annotations

import pytest

from mcp_server.origins import Origins
from mcp_server.settings import load


def origins(**flags: str) -> Origins:
    return Origins.of(load(flags, {}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080"])
def test_loopback_names_are_always_this_server(host: str) -> None:
    assert origins().has_host(host)
    assert origins(host="0.0.0.0", public_url="https://mcp.example.com").has_host(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "10.0.0.7", "[::1", "localhost@evil.example", "2130706433"]
)
def test_a_server_on_loopback_has_no_other_name(host: str) -> None:
    assert not origins().has_host(host)


def test_an_exposed_server_is_addressed_by_any_address_and_by_its_public_name_alone() -> None:
    exposed = origins(host="0.0.0.0", public_url="https://MCP.example.com")
    for host in ("mcp.example.com", "mcp.example.com:443", "10.0.0.7:8080", "[2001:db8::7]:8080"):
        assert exposed.has_host(host)
    for host in ("example.com", "evil.mcp.example.com", "mcp.example.com.evil.example"):
        assert not exposed.has_host(host)


def test_the_name_that_it_listens_on_is_its_own() -> None:
    assert origins(host="mcp.internal").has_host("mcp.internal:8080")


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        (None, True),
        ("http://localhost:8080", True),
        ("https://LOCALHOST:8080", True),
        ("http://localhost:3000", False),
        ("http://localhost", False),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
        ("https://tools.example", True),
        ("https://tools.example:444", False),
        ("http://tools.example", False),
    ],
)
def test_pages_of_this_server_and_of_named_sites_may_call(origin: str | None, *, admitted: bool) -> None:
    named = origins(allowed_origins="https://tools.example, https://other.example")
    assert named.admits(origin, "localhost:8080") is admitted
