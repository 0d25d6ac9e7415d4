"""How callers prove who they are, decided from the settings once, before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from mcp_server.errors import ConfigurationError
from mcp_server.setting_rules import LOOPBACK_HOSTS
from mcp_server.settings import Settings

Mode = Literal["api-key", "oauth", "none"]
DEFAULT_PORT = 8080
_MODES: Mapping[str, Mode] = {"api-key": "api-key", "oauth": "oauth", "none": "none"}
SSE_PATH = "/sse"


def is_exposed(settings: Settings) -> bool:
    """Whether others than programs of this machine may reach the server, by itself or through a proxy."""
    public = urlsplit(settings.public_url or "").hostname
    return settings.host not in LOOPBACK_HOSTS or public not in (None, *LOOPBACK_HOSTS)


def mode_of(settings: Settings) -> Mode:
    """The mode that was chosen, or the one that fits: OAuth with an issuer, no credentials for a developer's machine.

    Raises ConfigurationError when the settings contradict each other.
    """
    mode = _chosen(settings)
    if (mode == "oauth") != (settings.oauth_issuer is not None):
        raise ConfigurationError("--auth oauth and --oauth-issuer go together: give both, or neither.")
    if mode == "none" and is_exposed(settings):
        raise ConfigurationError(
            "--auth none: others than this machine can reach this server, so callers must prove who they are.",
            hint="Leave it out (callers send API keys), or give --oauth-issuer.",
        )
    if mode != "api-key" and settings.api_key is None and not settings.is_embedded:
        raise ConfigurationError(
            "VIDEOVECTOR_BASE_URL is set and VIDEOVECTOR_API_KEY is not: this server has no key of its own to use.",
            hint="Set the key, or let callers send theirs (--auth api-key).",
        )
    return mode


def _chosen(settings: Settings) -> Mode:
    if settings.auth is not None:
        return _MODES[settings.auth]
    if settings.oauth_issuer is not None:
        return "oauth"
    has_own_access = settings.is_embedded or settings.api_key is not None
    return "none" if has_own_access and not is_exposed(settings) else "api-key"


def check_sessions(settings: Settings) -> None:
    """Raises ConfigurationError for sessions in more than one process: a request would not find its own."""
    kept = "--transport sse" if settings.transport == "sse" else "--stateful" if settings.stateful == "yes" else ""
    if kept and settings.workers > 1:
        raise ConfigurationError(f"{kept} keeps sessions in one process, so it goes with --workers 1 only.")


def resource_url(settings: Settings) -> str:
    """The URL of the MCP endpoint as its clients write it; RFC 9728 calls it the resource."""
    return f"{settings.public_url or _own_url(settings)}{endpoint_path(settings)}"


def endpoint_path(settings: Settings) -> str:
    """The path to which clients connect."""
    return SSE_PATH if settings.transport == "sse" else settings.path


def _own_url(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = DEFAULT_PORT if settings.port is None else settings.port
    return f"{'https' if settings.tls_cert else 'http'}://{host}:{port}"
