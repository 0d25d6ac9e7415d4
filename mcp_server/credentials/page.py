"""The HTML of the pages, as pure functions: no script, no link to anything, and never a value of a secret field.

Every text from outside is escaped here, and what is invisible in it is shown.
"""

from __future__ import annotations

import base64
import hashlib
import html
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from mcp_server.characters import is_seen
from mcp_server.credentials.errand import Errand, FormField
from mcp_server.credentials.notices import Notice
from mcp_server.credentials.tickets import OPEN_SECONDS, Outcome

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
PROOF, KEEP = "page.proof", "page.keep"
MAX_SHOWN = 500
_BREAKABLE = re.compile(r"(?<=[/.@_])(?=[\w/])")
_GO_BACK = "Go back to your assistant. You can close this page."

_DRAWING = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"'
    ' stroke-linejoin="round" aria-hidden="true">{}</svg>'
)
_LOCK = _DRAWING.format('<rect x="4" y="10" width="16" height="11" rx="3"/><path d="M8 10V7a4 4 0 0 1 8 0v3M12 14v3"/>')
_CHECK = _DRAWING.format('<path d="m5 13 4.5 4.5L19 7.5"/>')
_CROSS = _DRAWING.format('<path d="M6.5 6.5l11 11m0-11-11 11"/>')
_NOTE = _DRAWING.format('<circle cx="12" cy="12" r="9"/><path d="M12 8v.01M12 11.5V16"/>')


@dataclass(frozen=True)
class Form:
    """What the form page shows. `typed` is what comes back into the text fields; `trouble` is what was wrong.

    `is_in_place`: an earlier submission made something, which may be kept as it is.
    """

    errand: Errand
    proof: str
    seconds_left: float
    ends: datetime
    tries_left: int
    typed: Mapping[str, str] = field(default_factory=dict[str, str])
    trouble: Outcome | None = None
    is_in_place: bool = False


def shown(text: str) -> str:
    """The text as HTML: at most 500 characters, the invisible ones as their code points."""
    rest = f" (and {len(text) - MAX_SHOWN} characters more)" if len(text) > MAX_SHOWN else ""
    words = _BREAKABLE.split(text[:MAX_SHOWN])
    return "<wbr>".join("".join(map(_shown_character, word)) for word in words) + rest


def _shown_character(char: str) -> str:
    if is_seen(char):
        return html.escape(char)
    return f'<span class="unseen">U+{ord(char):04X}</span>'


def form_page(form: Form) -> str:
    """What is asked and why, the fields, and the time left; after a refusal, what was wrong.

    When its time is over the form is gone, without a request: the port may be another program's by then.
    """
    title = form.errand.title
    return _page(
        f"Error: {title}" if form.trouble else title,
        f'<meta http-equiv="refresh" content="{math.ceil(form.seconds_left)}; url=about:blank">',
        f"<h1>{shown(title)}</h1>",
        '<p class="lead">Your assistant requested this. <strong>Only continue if you asked for it.</strong></p>',
        _trouble(form) if form.trouble else "",
        _facts(form.errand),
        '<form method="post" enctype="multipart/form-data" autocomplete="off">',
        f'<input type="hidden" name="{PROOF}" value="{html.escape(form.proof)}">',
        *(_field(each, form) for each in form.errand.fields),
        _buttons(form),
        "</form>",
        _time(form),
    )


def done_page(title: str, sentence: str) -> str:
    """It is done, and nothing is left to do here."""
    return _page(
        f"Done: {title}",
        f'<div class="sign good">{_CHECK}</div><h1>Done</h1><p>{shown(sentence)}</p><p class="lead">{_GO_BACK}</p>',
    )


def refused_page(title: str, outcome: Outcome, notice: Notice) -> str:
    """It was refused, and this page is over."""
    return _page(
        f"{notice.heading}: {title}",
        f'<div class="sign bad">{_CROSS}</div><h1>{shown(notice.heading)}</h1>',
        f'<p>{shown(outcome.message)}</p><p class="lead">{shown(notice.text)}</p>',
    )


def notice_page(notice: Notice) -> str:
    """A page without a form; where it says so, the browser comes again at once."""
    return _page(
        notice.heading,
        '<meta http-equiv="refresh" content="0">' if notice.again else "",
        f'<div class="sign">{_NOTE}</div><h1>{shown(notice.heading)}</h1><p class="lead">{shown(notice.text)}</p>',
    )


def _page(title: str, *content: str) -> str:
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{html.escape(title)} · VideoVector connectors</title>",
            f"<style>{STYLE}</style>\n</head>\n<body>\n<main>",
            f'<p class="brand">{_LOCK}VideoVector connectors</p>',
            *(part for part in content if part),
            "</main>\n</body>\n</html>\n",
        )
    )


def _facts(errand: Errand) -> str:
    rows = (f"<dt>{shown(name)}</dt><dd><bdi>{shown(value)}</bdi></dd>" for name, value in errand.facts)
    return f"<dl>{''.join(rows)}</dl>"


def _trouble(form: Form) -> str:
    """The summary of what was wrong; it has the focus, and leads to the fields."""
    trouble = form.trouble or Outcome("")
    wrong = [each for each in form.errand.fields if each.name in trouble.fields]
    heading = "It is in place, but does not work yet" if form.is_in_place else "This did not work"
    links = "".join(f'<li><a href="#{_id(each)}">{shown(each.label)}</a></li>' for each in wrong)
    return "".join(
        (
            '<div class="trouble" role="alert" tabindex="-1" autofocus>',
            f"<h2>{heading}</h2>",
            f"<p>{shown(trouble.message)}</p>",
            f"<p>{shown(trouble.hint)}</p>" if trouble.hint else "",
            f"<ul>{links}</ul>" if links else "",
            f"<p>{_counted(form.tries_left, 'try', 'tries')} left.</p></div>",
        )
    )


def _id(asked: FormField) -> str:
    return html.escape(f"field-{asked.name}")


def _field(asked: FormField, form: Form) -> str:
    is_wrong = form.trouble is not None and asked.name in form.trouble.fields
    hint = f'<p class="hint" id="{_id(asked)}-hint">{shown(asked.hint)}</p>' if asked.hint else ""
    wrong = f'<p class="wrong" id="{_id(asked)}-wrong">Correct this and send it again.</p>' if is_wrong else ""
    about = " ".join(f"{_id(asked)}-{part}" for part, there in (("hint", hint), ("wrong", wrong)) if there)
    marks = (f' aria-describedby="{about}"' if about else "") + (' aria-invalid="true"' if is_wrong else "")
    if asked.kind == "key_file":
        return _key_file(asked, marks, hint, wrong)
    label = f'<label for="{_id(asked)}">{shown(asked.label)}</label>'
    return f'<div class="field">{label}{hint}{_line(asked, marks, form)}{wrong}</div>'


_PLAIN = ' autocapitalize="none" autocorrect="off" spellcheck="false"'


def _line(asked: FormField, marks: str, form: Form) -> str:
    kind = (
        'type="password" autocomplete="new-password"'
        if asked.kind == "password"
        else f'type="text" autocomplete="off" value="{html.escape(form.typed.get(asked.name, ""))}"'
    )
    return f'<input id="{_id(asked)}" name="{html.escape(asked.name)}" {kind} required{_PLAIN}{marks}>'


def file_part(name: str) -> str:
    """The form's name for the file of a `key_file`."""
    return f"{name}.file"


def text_part(name: str) -> str:
    """The form's name for the text of a `key_file`."""
    return f"{name}.text"


def _key_file(asked: FormField, marks: str, hint: str, wrong: str) -> str:
    """Two ways to give it; neither is required by itself."""
    field_id = _id(asked)
    return "".join(
        (
            f"<fieldset><legend>{shown(asked.label)}</legend>{hint}",
            f'<label for="{field_id}">Choose the file, or drop it here</label>',
            f'<input id="{field_id}" name="{html.escape(file_part(asked.name))}" type="file"',
            f' accept=".json,application/json"{marks}>',
            f'<p class="or">or</p><label for="{field_id}-text">Paste its text</label>',
            f'<textarea id="{field_id}-text" name="{html.escape(text_part(asked.name))}" rows="5"',
            f' placeholder="{{ &quot;type&quot;: &quot;service_account&quot;, … }}" autocomplete="off"{_PLAIN}{marks}>',
            f"</textarea>{wrong}</fieldset>",
        )
    )


def _buttons(form: Form) -> str:
    keep = f'<button class="second" name="{KEEP}" value="yes" formnovalidate>Finish as it is</button>'
    unasked = " If you did not ask for this, close this page: nothing happens."
    return (
        f"<button>{shown(form.errand.title)}</button>{keep if form.is_in_place else ''}"
        '<p class="small">What you enter goes from here to where the list above says. Your assistant does not see it.'
        f"{'' if form.is_in_place else unasked}</p>"
    )


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _time(form: Form) -> str:
    """The time left in words, and as a bar that shrinks without a script."""
    minutes = _counted(math.ceil(form.seconds_left / 60), "minute", "minutes")
    share = f"{100 * form.seconds_left / OPEN_SECONDS:.1f}%"
    return (
        f'<div class="time"><p>{minutes} left, until {form.ends:%H:%M} UTC. Then this page goes blank.</p>'
        f'<svg aria-hidden="true"><rect width="{share}" height="100%" fill="currentColor">'
        f'<animate attributeName="width" from="{share}" to="0%" dur="{form.seconds_left:.0f}s" fill="freeze"/>'
        "</rect></svg></div>"
    )
