"""A story per tool: MCP client, server process, embedded API, storage emulator; no mocks."""

import pytest

pytest.register_assert_rewrite("tests.operations.creating", "tests.sessions")
