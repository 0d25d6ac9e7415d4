"""Where log records go, and what is not in them."""

from __future__ import annotations

import logging
import secrets

import pytest

from mcp_server.logs import log_to_stderr
from mcp_server.redaction import guarding

pytestmark = pytest.mark.usefixtures("process_state")


def test_warnings_and_errors_go_to_stderr_in_place_of_what_was_set_before(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.StreamHandler()
    logging.getLogger().addHandler(before)
    log_to_stderr()
    log_to_stderr()
    assert before not in logging.getLogger().handlers
    log = logging.getLogger("mcp_server.somewhere")
    log.info("not this")
    log.warning("%s this", "but")
    assert capsys.readouterr() == ("", "WARNING mcp_server.somewhere: but this\n")


def test_they_hold_no_secret_that_is_in_use_and_nothing_that_looks_like_one(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()
    used, shaped = secrets.token_hex(20), f"sk_live_{secrets.token_hex(24)}"
    with guarding({used: "aws_secret_access_key"}):
        error = ValueError(f"{used} and {shaped}")
        logging.getLogger("mcp_server.somewhere").error("Saw %s", used, exc_info=error)
    said = capsys.readouterr().err
    assert used not in said
    assert shaped not in said
    assert "Saw [redacted aws_secret_access_key]" in said
    assert "ValueError" in said
