"""A secret shows itself nowhere, and is found in whatever form somebody else shows it."""

from __future__ import annotations

import copy
import json
import logging
from typing import Annotated, Any

import pytest
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
from tests.materials import SERVICE_ACCOUNT, made, odd_secret

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
    assert secrets_of(LOGIN) == {SECRET: "password"}


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

REDACTED = "[redacted secret]"


def test_a_marker_says_what_was_there() -> None:
    assert redact(f"key={SECRET}", {SECRET: "client_secret"}) == "key=[redacted client_secret]"
    assert redact(f"key={SECRET}", [SECRET]) == f"key={REDACTED}"


def test_a_given_name_comes_before_one_that_a_shape_suggests() -> None:
    text = f"Authorization: Bearer {made('token')}"
    assert redact(text, {made("token"): "api_key"}) == "Authorization: Bearer [redacted api_key]"
    assert redact(text, [made("token")]) == "Authorization: Bearer [redacted bearer_token]"


def test_a_secret_that_holds_another_is_replaced_whole() -> None:
    inner = made("inner", 16)
    assert redact(f"{inner}-and-more {inner}", [inner, f"{inner}-and-more"]) == f"{REDACTED} {REDACTED}"


def test_a_text_without_a_secret_stays_as_it_is() -> None:
    text = "No such bucket: media-archive"
    assert redact(text, [SECRET]) == text
    assert redact(text, []) == text
    assert redact(text, ["", "   ", "\n"]) == text


def test_what_is_redacted_stays_as_it_is() -> None:
    text = f'{{"client_secret": "{made("a")}", "input": "{SECRET}", "Authorization": "Bearer {made("b")}"}}'
    once = redact(text, [SECRET])
    assert once != text
    assert redact(once, [SECRET]) == once


def test_a_secret_too_short_to_be_cut_is_found_as_it_is() -> None:
    assert redact("it was pass7 and cGFzczc=, pass7", ["pass7"]) == f"it was {REDACTED} and cGFzczc=, {REDACTED}"


def test_a_secret_with_the_characters_of_a_pattern_is_no_pattern() -> None:
    assert redact("aaaaaaaaaa .*.*.*.* x", [".*.*.*.*"]) == f"aaaaaaaaaa {REDACTED} x"


def test_a_secret_that_is_no_valid_unicode_is_found_too() -> None:
    secret = f"\ud800{CORE}\ud800"
    assert redact(f"it was {secret}", [secret]) == f"it was {REDACTED}"


def test_a_marker_stands_between_whole_characters() -> None:
    assert redact(f"{CORE}abcdè!", [f"{CORE}abcdé!"]) == f"{REDACTED}!"
    assert redact(f"<é{CORE}abcd", [f"ĩ{CORE}abcd"]) == f"<{REDACTED}"
    assert redact(f"{'é' * 9}", [f"{'é' * 9}"]) == REDACTED


# ---- JSON values -------------------------------------------------------------------------------------------------


def test_every_string_of_a_json_value_is_scrubbed_and_the_rest_stays() -> None:
    value = {"a": [SECRET, {SECRET: f"x {SECRET}"}], "n": 7, "f": 0.5, "t": True, "none": None}
    scrubbed = Scrubber([SECRET]).value(value)
    assert scrubbed == {
        "a": [REDACTED, {REDACTED: f"x {REDACTED}"}],
        "n": 7,
        "f": 0.5,
        "t": True,
        "none": None,
    }


def test_a_json_value_without_a_secret_is_the_same_value() -> None:
    value = {"path": "secrets/é.pdf"}
    assert Scrubber([SECRET]).value(value) is value


def test_a_field_of_a_json_value_says_what_its_value_is() -> None:
    scrubbed = Scrubber([]).value({"client_secret": made("unknown"), "path": "client_secret.txt"})
    assert scrubbed == {"client_secret": "[redacted client_secret]", "path": "client_secret.txt"}


def test_a_json_value_stays_one_even_where_its_text_does_not() -> None:
    digits = "7" * 16
    value = {"octets": [37] * 16, "echo": digits, "n": [1, None]}
    assert Scrubber([digits]).value(value) == {"octets": [37] * 16, "echo": REDACTED, "n": [1, None]}


# ---- guarding ----------------------------------------------------------------------------------------------------


def test_secrets_are_guarded_while_they_are_in_use_and_no_longer() -> None:
    with guarding([SECRET, ""]) as scrubber:
        assert scrubber.text(SECRET) == REDACTED
        assert scrub_active(f"log {SECRET}") == f"log {REDACTED}"
    assert scrub_active(SECRET) == SECRET


def test_two_calls_may_guard_the_same_secret() -> None:
    with guarding([SECRET]):
        with guarding([SECRET, SECRET]):
            pass
        assert scrub_active(SECRET) == REDACTED
    assert scrub_active(SECRET) == SECRET


def test_guarding_ends_with_an_error_too() -> None:
    with pytest.raises(KeyError), guarding([SECRET]):
        raise KeyError
    assert scrub_active(SECRET) == SECRET


def test_nothing_is_guarded_when_nothing_is_given() -> None:
    with guarding([]) as scrubber:
        assert scrubber.text(SECRET) == SECRET


def test_a_guarded_secret_keeps_its_name() -> None:
    with guarding({SECRET: "password"}) as scrubber:
        assert scrubber.text(SECRET) == scrub_active(SECRET) == "[redacted password]"


def test_a_log_line_shows_no_secret_that_nobody_guards() -> None:
    assert scrub_active(f"password={made('unknown')}") == "password=[redacted password]"


def test_a_log_line_is_scrubbed_by_the_formatter_that_asks() -> None:
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed with %s", (SECRET,), None)
    with guarding([SECRET, SERVICE_ACCOUNT]):
        assert scrub_active(logging.Formatter().format(record)) == f"failed with {REDACTED}"
