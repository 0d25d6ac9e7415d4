"""A secret shows itself nowhere, and is found in whatever form somebody else shows it."""

from __future__ import annotations

import base64
import copy
import json
import logging
import re
import urllib.parse
from typing import Annotated, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from mcp_server.redaction import (
    MARKER,
    Scrubber,
    Secret,
    guarding,
    redact,
    reveal,
    reveal_text,
    scrub_active,
    secrets_of,
)
from tests.materials import SERVICE_ACCOUNT, made, odd_secret, pem

SECRET = odd_secret("redaction")
CORE = made("redaction", 12)


class Login(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    user: str
    password: Secret
    second: Secret | None = None


LOGIN = Login(user="jo", password=Secret(SECRET))


# ---- the type ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(SECRET)),
        str(Secret(SECRET)),
        f"{Secret(SECRET)} {Secret(SECRET)!r} {Secret(SECRET)!s} {Secret(SECRET)!a}",
        "%s %r" % (Secret(SECRET), Secret(SECRET)),  # noqa: UP031 - this form too
        repr([Secret(SECRET)]),
        repr({Secret(SECRET): Secret(SECRET)}),
        repr(LOGIN),
        str(LOGIN),
        repr(LOGIN.model_dump()),
        LOGIN.model_dump_json(),
        repr(LOGIN.model_dump(mode="json")),
        repr(LOGIN.model_copy(update={"user": "x"})),
        repr(copy.deepcopy(LOGIN)),
        repr(LOGIN.model_dump(context={"reveal": True})),
    ],
)
def test_a_secret_prints_and_dumps_as_a_marker(shown: str) -> None:
    assert CORE not in shown
    assert MARKER in shown


def test_a_secret_has_no_json_form_of_its_own() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps(Secret(SECRET))
    assert CORE not in str(caught.value)


def test_secrets_compare_by_value_and_only_with_secrets() -> None:
    assert Secret("same-secret") == Secret("same-secret")
    assert Secret("same-secret") != Secret("other-secret")
    assert Secret("same-secret") != "same-secret"
    assert len({Secret("same-secret"), Secret("same-secret"), Secret("other-secret")}) == 2


def test_reveal_gives_the_set_fields_in_clear() -> None:
    assert reveal(LOGIN) == {"user": "jo", "password": SECRET}
    assert reveal_text(LOGIN.password) == SECRET
    assert secrets_of(LOGIN) == [SECRET]


def test_a_secret_given_as_a_secret_stays_one() -> None:
    again = Login(user="jo", password=LOGIN.password)
    assert type(again.password) is Secret
    assert again == LOGIN


@pytest.mark.parametrize(
    "value", ["short", "", "x" * 4_097, 12_345_678, None, [SECRET], {"value": SECRET}, b"\xff" * 9]
)
def test_what_is_no_secret_is_refused_without_being_shown(value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Login(user="jo", password=value)
    assert CORE not in f"{caught.value} {caught.value!r}"


def test_the_schema_of_a_secret_is_that_of_a_text() -> None:
    schema = TypeAdapter(Annotated[Secret, "any"]).json_schema()
    assert schema["type"] == "string"


# ---- the scrubber ------------------------------------------------------------------------------------------------


def _base64s(secret: str) -> list[str]:
    texts = [prefix + secret + suffix for prefix in ("", "u", "u:", "us:") for suffix in ("", "x", "xy")]
    encoders = (base64.b64encode, base64.urlsafe_b64encode)
    return [encode(text.encode()).decode() for encode in encoders for text in texts]


def _json_forms(secret: str) -> dict[str, str]:
    escaped = json.dumps(secret)[1:-1]
    return {
        "JSON": escaped,
        "JSON, not ASCII": json.dumps(secret, ensure_ascii=False)[1:-1],
        "JSON in JSON": json.dumps(escaped)[1:-1],
        "JSON with escaped slashes": escaped.replace("/", "\\/"),
        "JSON with upper-case escapes": re.sub(r"\\u....", lambda found: "\\u" + found[0][2:].upper(), escaped),
        "JSON safe for HTML": escaped.replace("&", "\\u0026").replace("<", "\\u003c"),
    }


def _percent_forms(secret: str) -> dict[str, str]:
    strict, loose = urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret)
    return {
        "percent-encoded": strict,
        "percent-encoded, slashes kept": loose,
        "percent-encoded, lower case": re.sub("%..", lambda found: found[0].lower(), strict),
        "form-encoded": urllib.parse.quote_plus(secret),
        "form-encoded, lower case": re.sub("%..", lambda found: found[0].lower(), urllib.parse.quote_plus(secret)),
        "encodeURIComponent": urllib.parse.quote(secret, safe="!~*'()"),
        "tilde encoded": strict.replace("~", "%7E"),
    }


FORMS: dict[str, str] = {"raw": SECRET, **_json_forms(SECRET), **_percent_forms(SECRET)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("around", ["{}", "key={}&x=1", '{{"key": "{}"}}', "a\n{}\nb", "{}{}"])
def test_a_secret_is_found_in_every_form_that_an_echo_may_have(form: str, around: str) -> None:
    text = around.replace("{{", "{").replace("}}", "}").replace("{}", FORMS[form])
    scrubbed = redact(text, [SECRET])
    assert CORE not in scrubbed
    assert MARKER in scrubbed


@pytest.mark.parametrize("encoded", _base64s(SECRET))
def test_a_secret_is_found_in_base64_at_any_offset(encoded: str) -> None:
    scrubbed = redact(f"Authorization: Basic {encoded}", [SECRET])
    assert MARKER in scrubbed
    assert len(scrubbed) < len(encoded)


@settings(deadline=None, derandomize=True, database=None)
@given(
    secret=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="[redacted]"), min_size=8, max_size=60),
    before=st.binary(max_size=4),
)
@example(secret="e\u0301" * 8, before=b"")
@example(secret="\n\r\t\x00\x1f\x7f\u2028\u202e", before=b"")
def test_any_secret_is_found_raw_in_json_in_urls_and_in_base64(secret: str, before: bytes) -> None:
    if not secret.strip():
        return
    scrubber = Scrubber([secret])
    for text in (secret, json.dumps(secret), urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret)):
        assert MARKER in scrubber.text(f"<{text}>")
    encoded = base64.b64encode(before + secret.encode()).decode()
    assert MARKER in scrubber.text(encoded)


def test_a_secret_that_holds_another_is_replaced_whole() -> None:
    inner = made("inner", 16)
    assert redact(f"{inner}-and-more {inner}", [inner, f"{inner}-and-more"]) == f"{MARKER} {MARKER}"


def test_a_text_without_a_secret_stays_as_it_is() -> None:
    text = "No such bucket: media-archive"
    assert redact(text, [SECRET]) == text
    assert redact(text, []) == text
    assert redact(text, ["", "   ", "\n"]) == text


def test_a_secret_too_short_to_be_known_by_its_base64_is_found_as_it_is() -> None:
    assert redact("it was pass7 and cGFzczc=", ["pass7"]) == f"it was {MARKER} and cGFzczc="


def test_a_secret_with_the_characters_of_a_pattern_is_no_pattern() -> None:
    assert redact("aaaaaaaaaa .*.*.*.* x", [".*.*.*.*"]) == f"aaaaaaaaaa {MARKER} x"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_each_line_of_a_pem_block_is_a_secret(newline: str) -> None:
    block = pem(newline)
    for line in block.split(newline)[1:-3]:
        assert redact(f"at line {line}.", [block]) == f"at line {MARKER}."
    assert redact("-----BEGIN CERTIFICATE-----", [block]) == "-----BEGIN CERTIFICATE-----"


def test_a_pem_block_is_found_in_one_line_and_escaped() -> None:
    block = pem()
    for text in (block, json.dumps(block), block.replace("\n", " "), block.replace("\n", ""), repr(block)):
        assert not any(line in redact(text, [block]) for line in block.split("\n") if len(line) == 64)


def test_a_secret_that_is_no_valid_unicode_is_found_too() -> None:
    secret = f"\ud800{CORE}\ud800"
    assert CORE not in redact(f"it was {secret}", [secret])


def test_every_string_of_a_json_value_is_scrubbed_and_the_rest_stays() -> None:
    value = {"a": [SECRET, {SECRET: f"x {SECRET}"}], "n": 7, "f": 0.5, "t": True, "none": None}
    scrubbed = Scrubber([SECRET]).value(value)
    assert scrubbed == {"a": [MARKER, {MARKER: f"x {MARKER}"}], "n": 7, "f": 0.5, "t": True, "none": None}


# ---- guarding ----------------------------------------------------------------------------------------------------


def test_secrets_are_guarded_while_they_are_in_use_and_no_longer() -> None:
    with guarding([SECRET, ""]) as scrubber:
        assert scrubber.text(SECRET) == MARKER
        assert scrub_active(f"log {SECRET}") == f"log {MARKER}"
    assert scrub_active(SECRET) == SECRET


def test_two_calls_may_guard_the_same_secret() -> None:
    with guarding([SECRET]):
        with guarding([SECRET, SECRET]):
            pass
        assert scrub_active(SECRET) == MARKER
    assert scrub_active(SECRET) == SECRET


def test_guarding_ends_with_an_error_too() -> None:
    with pytest.raises(KeyError), guarding([SECRET]):
        raise KeyError
    assert scrub_active(SECRET) == SECRET


def test_nothing_is_guarded_when_nothing_is_given() -> None:
    with guarding([]) as scrubber:
        assert scrubber.text(SECRET) == SECRET


def test_a_log_line_is_scrubbed_by_the_formatter_that_asks() -> None:
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed with %s", (SECRET,), None)
    with guarding([SECRET, SERVICE_ACCOUNT]):
        assert scrub_active(logging.Formatter().format(record)) == f"failed with {MARKER}"


@pytest.mark.parametrize("quoted", [False, True])
def test_nothing_of_a_secret_is_left_beside_its_marker_in_base64(*, quoted: bool) -> None:
    secret = f'{made("tail")}"\\'
    encoded = base64.b64encode(f"id:{json.dumps(secret)}".encode()).decode()
    text = urllib.parse.quote(encoded, safe="") if quoted else encoded
    assert redact(f"Basic {text} end", [secret]) == f"Basic aWQ6{MARKER} end"  # what is left says id:
