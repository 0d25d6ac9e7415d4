"""What schemathesis cannot read in the document: globs, real keys, keys used once, and whose credentials fit whom."""

from __future__ import annotations

import itertools
import re
from typing import Any, cast

import schemathesis
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData

from mcp_server.embedded.storage.glob import read_glob
from mcp_server.errors import InvalidArguments
from mcp_server.service_account import DOCUMENT_SCHEMA
from mcp_server.wire import IDEMPOTENCY_HEADER

_numbers = itertools.count()
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_PEM = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
_SHAPE_OF_KEYS = re.compile(DOCUMENT_SCHEMA["properties"]["private_key"]["pattern"])


def is_glob(text: str) -> bool:
    """Whether the API takes it."""
    try:
        read_glob(text.removeprefix("/"))
    except InvalidArguments:
        return False
    return True


def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Gives a request a key of idempotency that no other has, and a private key that its storage can sign with."""
    key = case.headers.get(IDEMPOTENCY_HEADER)
    if isinstance(key, str) and re.fullmatch("[!-~]{1,240}", key):
        case.headers[IDEMPOTENCY_HEADER] = f"{key}{next(_numbers)}"
    case.body = _with_usable_keys(case.body)


def _with_usable_keys(value: object) -> object:
    """The same with a private key wherever something has the shape of one."""
    if isinstance(value, dict):
        return {name: _with_usable_keys(one) for name, one in cast("dict[str, object]", value).items()}
    return _PEM if isinstance(value, str) and _SHAPE_OF_KEYS.fullmatch(value) else value


def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether a failure counts.

    Three do not: that a connector has another provider, and which cursors there are, no schema of a request can say;
    and schemathesis leaves out a body that is optional also where it means to send a wrong one.
    """
    left_out = isinstance(failure, AcceptedNegativeData) and response.request.body is None
    unsaid = ("this connector's provider is", '"field":"cursor"')
    return not any(text in response.text for text in unsaid) and not (left_out and case.path.endswith("/browse"))


schemathesis.openapi.format("glob", st.text(min_size=1, max_size=40).filter(is_glob))
for hook in (before_call, filter_failure):
    cast("Any", schemathesis).hook(hook)
