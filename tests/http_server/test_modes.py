"""How callers prove who they are, by the settings."""

from __future__ import annotations

import pytest

from mcp_server.errors import ConfigurationError
from mcp_server.http_server.modes import Mode, check_sessions, mode_of, resource_url
from mcp_server.settings import Settings, load
from tests.http_server.serving import unknown_key

ISSUER = {"oauth_issuer": "https://login.example"}
API = {"base_url": "https://api.example/v2"}


def settings(flags: dict[str, str], *, key: bool = False) -> Settings:
    return load({**flags, **({"api_key": unknown_key()} if key else {})}, {})


@pytest.mark.parametrize(
    ("flags", "key", "mode"),
    [
        ({}, False, "none"),
        ({}, True, "none"),
        ({"host": "::1"}, False, "none"),
        ({"public_url": "http://localhost:9000"}, False, "none"),
        (API, True, "none"),
        (API, False, "api-key"),
        ({"host": "0.0.0.0"}, False, "api-key"),
        ({"host": "0.0.0.0"}, True, "api-key"),
        ({"public_url": "https://mcp.example"}, True, "api-key"),
        ({"auth": "api-key"}, False, "api-key"),
        ({**ISSUER, "host": "0.0.0.0"}, True, "oauth"),
        ({**ISSUER, "auth": "oauth"}, False, "oauth"),
    ],
)
def test_the_mode_is_the_chosen_one_or_the_one_that_fits(flags: dict[str, str], mode: Mode, *, key: bool) -> None:
    assert mode_of(settings(flags, key=key)) == mode


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"auth": "none", "host": "0.0.0.0"}, "must prove who they are"),
        ({"auth": "none", "host": "192.0.2.7"}, "must prove who they are"),
        ({"auth": "none", "public_url": "https://mcp.example"}, "must prove who they are"),
        ({"auth": "oauth"}, "go together"),
        ({**ISSUER, "auth": "api-key"}, "go together"),
        ({**ISSUER, "auth": "none"}, "go together"),
        ({**API, "auth": "none"}, "VIDEOVECTOR_API_KEY is not"),
        ({**API, **ISSUER}, "VIDEOVECTOR_API_KEY is not"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(flags: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        mode_of(settings(flags))


@pytest.mark.parametrize("flags", [{"transport": "sse"}, {"stateful": "yes"}])
def test_sessions_live_in_one_process(flags: dict[str, str]) -> None:
    check_sessions(settings(flags))
    with pytest.raises(ConfigurationError, match="--workers 1"):
        check_sessions(settings({**flags, "workers": "2"}))


def test_without_sessions_any_number_of_processes_is_right() -> None:
    check_sessions(settings({"transport": "http", "workers": "2"}))


@pytest.mark.parametrize(
    ("flags", "url"),
    [
        ({}, "http://127.0.0.1:8080/mcp"),
        ({"host": "::1", "port": "9000", "path": "/tools"}, "http://[::1]:9000/tools"),
        ({"tls_cert": "c.pem", "tls_key": "k.pem"}, "https://127.0.0.1:8080/mcp"),
        ({"public_url": "https://mcp.example", "port": "9000"}, "https://mcp.example/mcp"),
        ({"transport": "sse"}, "http://127.0.0.1:8080/sse"),
    ],
)
def test_the_resource_is_the_endpoint_as_clients_write_it(flags: dict[str, str], url: str) -> None:
    assert resource_url(settings(flags)) == url
