"""Secrets that nobody named, known by their shape or by the field they stand in.

A value beside a field's name is one only if it looks like one: prose, paths, placeholders and code stay.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import attrgetter

Judge = Callable[[bytes], bool]

_MIN_OPAQUE = 8
_SEPARATORS = re.compile(rb"[_.-]+")
_CLASS_RUNS = re.compile(rb"[a-z]+|[A-Z]+|[0-9]+")
_ODD = re.compile(rb"[!@#$%^&~+]")
_HARMLESS = re.compile(
    rb"\[redacted|\$[{(]|\$\w+$|\{\{?[\w ]*\}|<[\w -]*>|%[(sd]"  # a marker, a placeholder
    rb"|[a-z][a-z+.-]*://|.*\.\.\.|(.)\1*$"  # an address, an abbreviation, one character only
    rb"|(?:\.{0,2}/|~/)?(?:[\w.@-]+/)+[\w.@-]*\.[A-Za-z]\w{1,4}$|(?:\.{0,2}|~)/(?:[\w.@-]+/)+[\w.@-]*$"  # a path
    rb"|[\w.-]+\.(?:pem|json|key|txt|pdf|ya?ml|env|py|js|ts|html?|md)$"  # a file
    rb"|[A-Za-z_][\w.,]*[(\[{]|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$"  # a call, a member
    rb"|[0-9]{4}-[0-9]{2}-[0-9]{2}T|[A-Z][A-Za-z]*[0-9]+(?:[A-Z][a-z]+){2,}$"  # a time, a class
)


def _any(value: bytes) -> bool:
    return not value.startswith(b"[redacted")


def _opaque(value: bytes) -> bool:
    """Whether it looks generated: letters and digits (or cases) mixed as no word, name or path mixes them."""
    if len(value) < _MIN_OPAQUE or len(value.split()) != 1 or _HARMLESS.match(value):
        return False
    kinds = {run[:1].isdigit() or run[:1].isupper() for run in _CLASS_RUNS.findall(value)}
    digits = any(48 <= code < 58 for code in value)
    if _ODD.search(value):
        return len(kinds) > 1
    return digits and max(len(_CLASS_RUNS.findall(part)) for part in _SEPARATORS.split(value)) > 3


def _user_and_password(value: bytes) -> bool:
    """Whether it is what follows `Basic`."""
    try:
        return b":" in b64decode(value + b"=" * (-len(value) % 4), altchars=b"-_")
    except NotBase64:
        return False


def _signed(value: bytes) -> bool:
    return b"sig=" in value or _opaque(value)


@dataclass(frozen=True)
class Pattern:
    """What one kind of secret looks like; `clue` is in every text that holds one; the last group is the secret."""

    name: str
    clue: bytes
    text: bytes
    judge: Judge = _any
    any_case: bool = True

    @cached_property
    def expression(self) -> re.Pattern[bytes]:
        """Made for the first text with the clue: few ever are, and all together take longer than a call."""
        return re.compile(self.text)

    def spans(self, octets: bytes, lowered: bytes) -> Iterator[tuple[int, int, str]]:
        """From, to, name of each."""
        for found in self.expression.finditer(lowered if self.any_case else octets):
            group = found.lastgroup or 0
            start, end = found.span(group)
            if (_any if str(group).startswith("echo") else self.judge)(octets[start:end]):
                yield start, end, self.name


def _quoted(group: str) -> bytes:
    """A text in quotes, whose inside is the group; the closing quote may be cut off."""
    return (
        rb'(?:"(?P<%(group)s2>[^"\\\r\n]+(?:\\.[^"\\\r\n]*)*)'
        rb"|'(?P<%(group)s1>[^'\\\r\n]+(?:\\.[^'\\\r\n]*)*))" % {b"group": group.encode()}
    )


_IS = rb"[\"']?\s{0,4}[:=]\s{0,4}[\"']?"
_VALUE = (
    rb"(?:[\"']?\]?(?:,?\s{0,4}[\"']?value[\"']?)?\s{0,8}(?:=>|:=|[:=])\s{0,8}b?" + _quoted("text") +  # JSON, code
    rb"|[\"']?(?:\s{1,40}value)?\s{0,8}:\s{0,8}(?:[|>][+-]?\s{1,40})?"
    rb"(?P<line>[^\s\"'<>]*[^\s\"'<>,;)}\].])"  # YAML, a header
    rb"|\s{0,8}=\s{0,8}(?P<pair>[^\s\"'<>&;]*[^\s\"'<>&;,)}\].])"  # the environment, a form, a connection string
    rb"|[\"']?>(?P<element>[^<>\s]+)<"  # XML
    rb"|[\"'], ?b?" + _quoted("item") +  # a header as a pair
    rb"|[\"']\s{0,40},?\s{0,40}[\])],[^{}]{0,160}?[\"']input[\"']:\s{0,4}" + _quoted("echo") +  # a fault of FastAPI
    rb"|\r?\n[^\n]{0,200}?input_value=" + _quoted("echoed") + rb")"  # a fault of pydantic
)  # fmt: skip
_FIELDS = {
    "aws_secret_access_key": ("secret", rb"secret[_-]?access[_-]?key"),
    "secret_key": ("secret", rb"secret[_-]?key"),
    "client_secret": ("secret", rb"client[_-]?secret"),
    "private_key": ("key", rb"private[_-]?key"),
    "password": ("pass", rb"passw(?:or)?d"),
    "passphrase": ("pass", rb"passphrase"),
    "pwd": ("pwd", rb"pwd(?<![a-z]pwd)"),
    "api_key": ("key", rb"api[_-]?key"),
    "session_token": ("token", rb"session[_-]?token"),
    "security_token": ("token", rb"security[_-]?token"),
    "access_token": ("token", rb"access[_-]?token"),
    "refresh_token": ("token", rb"refresh[_-]?token"),
    "id_token": ("token", rb"id[_-]?token"),
    "auth_token": ("token", rb"auth[_-]?token"),
    "sas_token": ("token", rb"sas[_-]?token"),
    "account_key": ("key", rb"account[_-]?key"),
    "storage_key": ("key", rb"storage[_-]?key"),
    "shared_access_key": ("key", rb"shared[_-]?access[_-]?key"),
    "connection_string": ("connection", rb"connection[_-]?string"),
    "secret": ("secret", rb"secret(?<![a-z:]secret)"),
}
_NAMES = b"|".join(name for _, name in _FIELDS.values())
_PRIVATE_KEY = (
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----%(break)s{0,16}"
    rb"(?:[A-Za-z-]{1,40}: [^\n\\]{0,200}(?:\n|\\{1,64}[nr])%(break)s{0,8}){0,4}"
    rb"%(body)s{16,}(?:%(break)s{1,16}%(body)s{16,})*"
    rb"(?:%(break)s{1,16}%(body)s{0,15}(?==|%(break)s{0,16}-----))?=*"
    rb"(?:%(break)s{0,16}-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?"
    % {b"body": rb"[A-Za-z0-9+/=]", b"break": rb"(?:\s|\\{1,64}[nr])"}
)


def _shape(name: str, clue: str, expression: bytes) -> Pattern:
    return Pattern(name, clue.encode(), expression, any_case=False)


def _beside(name: str, clue: str, expression: bytes, judge: Judge = _any) -> Pattern:
    return Pattern(name, clue.encode(), expression, judge)


PATTERNS = (
    _shape("private_key", "PRIVATE KEY-----", _PRIVATE_KEY),
    _shape("aws_access_key_id", "AKIA", rb"AKIA(?<![A-Za-z0-9]AKIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _shape("aws_access_key_id", "ASIA", rb"ASIA(?<![A-Za-z0-9]ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _shape("api_key", "sk_", rb"sk_(?<![A-Za-z0-9]sk_)(?:live|test)_[A-Za-z0-9_-]{16,}"),
    _shape("jwt", "eyJ", rb"eyJ(?<![A-Za-z0-9]eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)?"),
    _shape("access_token", "ya29.", rb"ya29\.[A-Za-z0-9._-]{16,}"),
    _shape("client_secret", "Q~", rb"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{30,40}"),
    *(_beside(name, clue, expression + _VALUE, _opaque) for name, (clue, expression) in _FIELDS.items()),
    _beside("bearer_token", "bearer", rb"bearer\s{1,4}(?P<value>[a-z0-9._~+/=-]{12,})", _opaque),
    _beside("basic_credentials", "basic", rb"basic\s{1,4}(?P<value>[a-z0-9+/_-]{8,}={0,2})", _user_and_password),
    _beside(
        "authorization",
        "authorization",
        # Looked ahead for and then taken, it is not shortened when what follows is wrong.
        rb"authorization(?<![a-z]authorization)" + _IS + rb"(?=(?P<value>[^\s\"']{16,16384}))(?P=value)(?![ \t\f\v])",
        _opaque,
    ),
    _beside("sas_signature", "sig=", rb"sig=(?<![a-z0-9_]sig=)(?P<value>[a-z0-9%+/=_-]{20,})"),
    _beside(
        "sas_signature",
        "signature",
        rb"shared[_-]?access[_-]?signature" + _IS + rb"(?P<value>[^\s\"'<>;]{8,})",
        _signed,
    ),
    _beside("signature", "signature", rb"x-amz-signature" + _IS + rb"(?P<value>[0-9a-f]{32,})"),
    _beside("signature", "signature", rb"x-goog-signature" + _IS + rb"(?P<value>[0-9a-f]{32,})"),
    _beside("signature", "signature", rb"signature=(?<=[?&;, ]signature=)(?P<value>[a-z0-9%+/=_-]{20,})"),
    _beside("password", "://", rb"://[^/\s:@\"'<>]{0,64}:(?P<value>[^/\s@\"'<>]{3,256})@", _opaque),
    _beside(
        "secret",
        "input",
        rb"[\"']input[\"']:\s{0,4}" + _quoted("echo") +
        rb"[\"'],[^{}\[(]{0,160}?[\"']loc[\"']:\s{0,4}[\[(][^\])\[(]{0,80}[\"'.](?:" + _NAMES + rb")[\"']\s{0,40}[\])]",
    ),
)  # fmt: skip


def _by_clue(*, any_case: bool) -> tuple[tuple[bytes, tuple[Pattern, ...]], ...]:
    patterns = sorted((each for each in PATTERNS if each.any_case == any_case), key=attrgetter("clue"))
    return tuple((clue, tuple(group)) for clue, group in groupby(patterns, attrgetter("clue")))


_EXACT = _by_clue(any_case=False)
_ANY_CASE = _by_clue(any_case=True)


def spans(octets: bytes) -> Iterator[tuple[int, int, str]]:
    """From, to and name of all that any pattern finds. Linear in the octets."""
    lowered = octets.lower()
    for text, table in ((octets, _EXACT), (lowered, _ANY_CASE)):
        for clue, patterns in table:
            if clue in text:
                for pattern in patterns:
                    yield from pattern.spans(octets, lowered)
