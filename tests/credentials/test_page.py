"""The HTML of the pages: what is shown and what never is, escaped, labelled and without anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import datetime, timezone
from html.parser import HTMLParser

import pytest

from mcp_server.credentials.errand import FormField
from mcp_server.credentials.notices import COMING_BACK, OVER, UNKNOWN
from mcp_server.credentials.page import (
    PROOF,
    STYLE,
    STYLE_HASH,
    Form,
    done_page,
    form_page,
    notice_page,
    refused_page,
    shown,
)
from mcp_server.credentials.tickets import Outcome
from tests.credentials.errands import KEY_FILE, KEY_ID, S3_FACTS, SECRET, FakeErrand, gcs_errand

ENDS = datetime(2026, 3, 1, 14, 32, tzinfo=timezone.utc)
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
WRONG = Outcome("It was refused.", "Copy it again.", (SECRET.name,))


class Elements(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


def a_form(errand: FakeErrand | None = None) -> Form:
    return Form(errand or FakeErrand(), proof="proof", seconds_left=541.2, ends=ENDS, tries_left=5)


EVIL_ERRAND = FakeErrand(EVIL, ((EVIL, EVIL),), (FormField('a"b', EVIL, "text", EVIL), SECRET, KEY_FILE))
EVIL_OUTCOME = Outcome(EVIL, EVIL, ('a"b',), keepable=True)
PAGES = {
    "form": form_page(a_form(EVIL_ERRAND)),
    "refused form": form_page(
        replace(a_form(EVIL_ERRAND), typed={'a"b': EVIL}, trouble=EVIL_OUTCOME, is_in_place=True)
    ),
    "key file": form_page(a_form(gcs_errand())),
    "done": done_page(EVIL, EVIL),
    "refused for good": refused_page(EVIL, EVIL_OUTCOME, OVER["spent"]),
    "notice": notice_page(UNKNOWN),
}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    return PAGES[str(request.param)]


def test_no_page_has_a_script_or_anything_from_elsewhere(page: str) -> None:
    elements = Elements(page)
    assert elements.of("script", "img", "iframe", "link", "base", "object", "embed") == []
    for _, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "action")]
        assert (attributes.get("href") or "#").startswith("#")


def test_every_page_is_whole_html_for_any_screen_and_reader(page: str) -> None:
    elements = Elements(page)
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in elements.of("meta")
    assert {"name": "color-scheme", "content": "light dark"} in elements.of("meta")
    assert len(elements.of("main")) == len(elements.of("h1")) == len(elements.of("title")) == 1
    assert all(drawing.get("aria-hidden") == "true" for drawing in elements.of("svg"))


def test_the_style_is_the_one_that_the_policy_allows(page: str) -> None:
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert style == STYLE
    assert "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() == STYLE_HASH
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_every_field_has_a_label_and_what_describes_it() -> None:
    elements = Elements(PAGES["refused form"])
    ids = {attributes.get("id") for _, attributes in elements.found}
    labelled = {label["for"] for label in elements.of("label")}
    for asked in elements.of("input", "textarea"):
        if asked.get("type") != "hidden":
            assert asked["id"] in labelled
            assert set((asked.get("aria-describedby") or "").split()) <= ids


def test_the_form_tells_what_is_asked_and_the_time_left() -> None:
    page = form_page(a_form())
    assert "<h1>Create S3 connector</h1>" in page
    assert "Only continue if you asked for it." in page
    assert all(f"<dt>{name}</dt><dd><bdi>{shown(value)}</bdi></dd>" in page for name, value in S3_FACTS)
    assert "10 minutes left, until 14:32 UTC." in page
    assert f'<input type="hidden" name="{PROOF}" value="proof">' in page
    assert "1 minute left" in form_page(replace(a_form(), seconds_left=59.0))


def test_the_bar_shrinks_from_what_is_left_to_nothing() -> None:
    assert 'from="90.2%" to="0%" dur="541s"' in form_page(a_form())


def test_a_password_is_asked_for_so_that_no_browser_keeps_it() -> None:
    asked = next(each for each in Elements(form_page(a_form())).of("input") if each.get("type") == "password")
    assert (asked["name"], asked["autocomplete"], asked["spellcheck"]) == (SECRET.name, "new-password", "false")
    assert "value" not in asked
    assert 'autocomplete="off"' in form_page(a_form()).partition("<form")[2].partition(">")[0]


def test_a_key_file_is_given_as_a_file_or_as_text() -> None:
    page = PAGES["key file"]
    file = next(each for each in Elements(page).of("input") if each.get("type") == "file")
    text = Elements(page).of("textarea")[0]
    assert (file["name"], text["name"]) == (f"{KEY_FILE.name}.file", f"{KEY_FILE.name}.text")
    assert "required" not in {*file, *text}
    assert text["autocomplete"] == "off"


def test_what_was_wrong_has_the_focus_and_leads_to_the_field() -> None:
    page = form_page(replace(a_form(), trouble=WRONG, tries_left=1))
    summary = next(each for each in Elements(page).of("div") if each.get("role") == "alert")
    assert "autofocus" in summary
    assert "<title>Error: Create S3 connector" in page
    assert "It was refused." in page
    assert "Copy it again." in page
    assert "1 try left." in page
    assert f'<a href="#field-{SECRET.name}">Secret access key</a>' in page
    asked = next(each for each in Elements(page).of("input") if each.get("type") == "password")
    assert asked["aria-invalid"] == "true"
    assert asked["aria-describedby"] == f"field-{SECRET.name}-wrong"


def test_trouble_with_no_field_and_no_hint_leads_nowhere() -> None:
    page = form_page(replace(a_form(), trouble=Outcome("It was refused.")))
    assert "<ul>" not in page
    assert "aria-invalid" not in page.partition("<main>")[2]


def test_what_was_typed_comes_back_into_text_fields_only() -> None:
    errand = FakeErrand(fields=(KEY_ID, SECRET, KEY_FILE))
    typed = {KEY_ID.name: "typed-id", SECRET.name: "typed-secret", KEY_FILE.name: "typed-key"}
    page = form_page(replace(a_form(errand), typed=typed, trouble=WRONG))
    assert 'value="typed-id"' in page
    assert "typed-secret" not in page
    assert "typed-key" not in page


def test_what_can_be_kept_has_a_second_button() -> None:
    assert "Finish as it is" in form_page(replace(a_form(), trouble=WRONG, is_in_place=True))
    assert "Finish as it is" not in form_page(replace(a_form(), trouble=WRONG))


def test_what_is_in_place_is_not_called_a_failure_and_closing_the_page_is_not_called_harmless() -> None:
    refused = form_page(replace(a_form(), trouble=WRONG))
    assert "<h2>This did not work</h2>" in refused
    assert "close this page: nothing happens." in refused
    in_place = form_page(replace(a_form(), trouble=WRONG, is_in_place=True))
    assert "<h2>It is in place, but does not work yet</h2>" in in_place
    assert "nothing happens" not in in_place
    assert "This did not work" not in in_place


def refreshes(page: str) -> list[str | None]:
    return [each["content"] for each in Elements(page).of("meta") if "http-equiv" in each]


def test_only_where_it_should_does_a_page_come_again() -> None:
    assert refreshes(notice_page(COMING_BACK)) == ["0"]
    assert all(refreshes(PAGES[name]) == [] for name in ("done", "refused for good", "notice"))


def test_a_form_is_gone_when_its_time_is_over_and_asks_nobody_then() -> None:
    assert all(refreshes(PAGES[name]) == ["542; url=about:blank"] for name in ("form", "refused form", "key file"))
    assert "Then this page goes blank." in PAGES["form"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"),
        ("\u202egnp.exe", '<span class="unseen">U+202E</span>gnp.<wbr>exe'),
        ("a\u200bb", 'a<span class="unseen">U+200B</span>b'),
        ("a\u3164b", 'a<span class="unseen">U+3164</span>b'),
        ("a\nb", 'a<span class="unseen">U+000A</span>b'),
        ("\ud800", '<span class="unseen">U+D800</span>'),
        ("https://api.example", "https:/<wbr>/<wbr>api.<wbr>example"),
        ("x" * 502, "x" * 500 + " (and 2 characters more)"),
        ("Größe é 日本", "Größe é 日本"),
    ],
)
def test_a_text_from_outside_is_shown_as_what_it_is(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_the_whole_text_is_there_when_nobody_breaks_the_line() -> None:
    assert re.sub("<wbr>", "", shown("https://api.vectormethods.com/api/v2")) == "https://api.vectormethods.com/api/v2"
