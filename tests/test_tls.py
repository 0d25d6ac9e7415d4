"""Whom outgoing connections trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from mcp_server.errors import ConfigurationError
from mcp_server.settings import Settings, load
from mcp_server.tls import tls_context


@pytest.mark.parametrize("trust_env", [True, False])
def test_an_operators_file_is_trusted_besides_the_usual_authorities(tmp_path: Path, *, trust_env: bool) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    usual = tls_context(load({}, {}), trust_env=trust_env)
    context = tls_context(load({"ca_file": str(tmp_path / "ca.pem")}, {}), trust_env=trust_env)
    assert context.cert_store_stats()["x509_ca"] == usual.cert_store_stats()["x509_ca"] + 1
    assert context.verify_mode is usual.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_file_that_is_no_certificate_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="VIDEOVECTOR_CA_FILE"):
        tls_context(Settings(ca_file=tmp_path / "ca.pem"), trust_env=True)
