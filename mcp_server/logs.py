"""Where log records go: to stderr, without the secrets that are in use at that moment."""

from __future__ import annotations

import logging
import sys

from mcp_server.redaction import scrub_active


class ScrubbedFormatter(logging.Formatter):
    """Formats log records without the secrets that are in use at that moment."""

    def format(self, record: logging.LogRecord) -> str:
        """The line and its traceback, scrubbed."""
        return scrub_active(super().format(record))


def log_to_stderr() -> None:
    """Warnings and errors of this process, in place of what was set before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ScrubbedFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
