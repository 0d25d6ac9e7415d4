"""The certificate authorities that outgoing connections trust. Who connects where is not known here."""

from __future__ import annotations

import ssl

import httpx

from mcp_server.errors import ConfigurationError
from mcp_server.settings import Settings, environment_name


def tls_context(settings: Settings, *, trust_env: bool) -> ssl.SSLContext:
    """The authorities that httpx ships, with `trust_env` those of SSL_CERT_FILE instead, and the operator's file.

    Raises ConfigurationError when that file is no PEM.
    """
    context = httpx.create_ssl_context(trust_env=trust_env)
    if settings.ca_file is not None:
        try:
            context.load_verify_locations(settings.ca_file)
        except (OSError, ssl.SSLError):
            raise ConfigurationError(f"{environment_name('ca_file')}: must be a readable PEM file") from None
    return context
