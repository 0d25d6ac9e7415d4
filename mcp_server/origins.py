"""Which Host and Origin headers a server on HTTP accepts, against pages of elsewhere that a person's browser shows.

A page's own name may be made to mean this machine (DNS rebinding); an address cannot be made to mean another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from mcp_server.setting_rules import LOOPBACK_HOSTS
from mcp_server.settings import Settings


@dataclass(frozen=True)
class Origins:
    """The names of this server besides those of loopback, and the sites whose pages may call it.

    With `any_address` it is also addressed by whatever IP address it has.
    """

    names: frozenset[str] = frozenset()
    any_address: bool = False
    sites: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> Origins:
        """Those of the settings `host`, `public_url` and `allowed_origins`."""
        public = urlsplit(settings.public_url or "").hostname
        names = {settings.host.lower(), *([public] if public else [])}
        return cls(frozenset(names), settings.host not in LOOPBACK_HOSTS, frozenset(settings.allowed_origins))

    def has_host(self, host: str) -> bool:
        """Whether a request with this Host header is for this server."""
        name = _hostname(f"//{host}")
        return name is not None and (
            name in LOOPBACK_HOSTS or name in self.names or (self.any_address and _is_address(name))
        )

    def admits(self, origin: str | None, host: str) -> bool:
        """Whether a request with this Origin header may call: of no page, of this server's own, of a named site."""
        own = (f"http://{host}".lower(), f"https://{host}".lower())
        return origin is None or origin.lower() in own or origin.lower() in self.sites


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
