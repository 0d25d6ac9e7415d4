"""The proof, room by room."""

import pytest

pytest.register_assert_rewrite("tests.operations.creating", "tests.sessions")
