"""A known secret is found in whatever form somebody shows it, and in every form within another; nothing else is."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import string
import textwrap
import urllib.parse
from collections.abc import Callable, Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_server.redaction import Scrubber, redact
from tests.materials import API_KEY, made, odd_secret, pem

SECRET = odd_secret("sieve")
MARKER = re.compile(r"\[redacted [a-z_]+\]")


def _utf16(char: str) -> str:
    """As `\\u` escapes, a pair of them where there must be."""
    octets = char.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{octets[at : at + 2].hex()}" for at in range(0, len(octets), 2))


def _wrapped(columns: int, end: str = "\n") -> Callable[[str], str]:
    return lambda text: end.join(text[at : at + columns] for at in range(0, len(text), columns))


def _every(second: int, encode: Callable[[str], str]) -> Callable[[str], str]:
    """Only some characters encoded, as a careless sender does; of those that must be, all."""
    return lambda text: "".join(
        encode(char) if number % second == 0 or char in "\\%&" else char for number, char in enumerate(text)
    )


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _lower(percent: str) -> str:
    return re.sub("%..", lambda found: found[0].lower(), percent)


def _base64(before: str, after: str = "") -> Callable[[str], str]:
    return lambda text: base64.b64encode(f"{before}{text}{after}".encode(errors="surrogatepass")).decode()


def _url_safe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode(errors="surrogatepass")).decode().rstrip("=")


def _percent(char: str) -> str:
    return "".join(f"%{octet:02X}" for octet in char.encode(errors="surrogatepass"))


ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": _json,
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda text: _json(_json(text)),
    "JSON with escaped slashes": lambda text: _json(text).replace("/", "\\/"),
    "JSON safe for HTML": lambda text: _json(text).replace("&", "\\u0026").replace("<", "\\u003c"),
    "every character in JSON": lambda text: "".join(map(_utf16, text)),
    "some characters in JSON": _every(3, _utf16),
    "percent": lambda text: urllib.parse.quote(text.encode(errors="surrogatepass"), safe=""),
    "percent but for slashes": lambda text: urllib.parse.quote(text.encode(errors="surrogatepass")),
    "percent in lower case": lambda text: _lower(urllib.parse.quote(text.encode(errors="surrogatepass"), safe="")),
    "form": lambda text: urllib.parse.quote_plus(text.encode(errors="surrogatepass")),
    "every character percent": lambda text: "".join(map(_percent, text)),
    "some characters percent": _every(3, _percent),
    "base64": _base64(""),
    "base64 after one": _base64("x", "x"),
    "base64 after two": _base64("xy", "xy"),
    "base64 after a user": _base64("id:"),
    "base64 for URLs": _url_safe,
    "base64 in lines": lambda text: base64.encodebytes(text.encode(errors="surrogatepass")).decode(),
    "hex": lambda text: text.encode(errors="surrogatepass").hex(),
    "HEX": lambda text: text.encode(errors="surrogatepass").hex().upper(),
    "hex with colons": lambda text: text.encode(errors="surrogatepass").hex(":"),
    "hex with blanks": lambda text: text.encode(errors="surrogatepass").hex(" "),
    "octets": lambda text: "".join(f"\\x{octet:02x}" for octet in text.encode(errors="surrogatepass")),
    "HTML": html.escape,
    "HTML, named": lambda text: html.escape(text).replace("/", "&sol;").replace("+", "&plus;"),
    "HTML, decimal": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "HTML, hex": lambda text: "".join(f"&#x{ord(char):X};" for char in text),
    "HTML, padded": _every(2, lambda char: f"&#{ord(char):07};"),
    "Python": lambda text: repr(text)[1:-1],
    "Python, ASCII": lambda text: ascii(text)[1:-1],
    "Python, bytes": lambda text: repr(text.encode(errors="surrogatepass"))[2:-1],
    "lines of 64": _wrapped(64),
    "lines of 20": _wrapped(20),
    "lines of 76, indented": _wrapped(76, "\r\n      "),
    "YAML, folded": lambda text: "\n  ".join(textwrap.wrap(text, 24, break_on_hyphens=False)),
    "YAML, in quotes": lambda text: _wrapped(24, "\\\n  \\")(_json(text)),
    "YAML, in single quotes": lambda text: text.replace("'", "''"),
}
CUTS: Mapping[str, Callable[[str], str]] = {
    "its beginning": lambda text: text[:12],
    "its end": lambda text: text[-12:],
    "all but its end": lambda text: text[:-1],
    "all but its beginning": lambda text: text[1:],
}
LOOSE = "+/= +\"'\\ "
"""What the search leaves out, or an encoding changes."""
AROUND = ("{}", "key={}&x=1", '{"key": "{}"}', "a\n{}\nb", "path/{}/x", "Basic {}", "<Key>{}</Key>", "100% \\ & {}")


@pytest.mark.parametrize("outer", ENCODINGS)
@pytest.mark.parametrize("inner", ENCODINGS)
def test_a_secret_is_found_in_every_form_within_every_other(inner: str, outer: str) -> None:
    shown = ENCODINGS[outer](ENCODINGS[inner](SECRET))
    for around in ("<{}>", '{"key": "{}"}'):
        text = around.replace("{}", shown)
        scrubbed = redact(text, [SECRET])
        assert MARKER.search(scrubbed)
        assert not _tells(MARKER.sub("\0", scrubbed), shown)


def _tells(scrubbed: str, shown: str) -> bool:
    """Whether a long piece of what was shown is still there. What a base64 said before a secret may be: it is short."""
    pieces = {"".join(scrubbed.split())[at : at + 72] for at in range(len(scrubbed))}
    said = "".join(shown.split())
    return any(len(piece) == 72 and piece in said for piece in pieces)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("secret", [made("cut"), SECRET, API_KEY], ids=["letters", "odd", "API key"])
def test_a_cut_secret_is_found_in_every_form(secret: str, name: str, cut: str) -> None:
    shown = ENCODINGS[name](CUTS[cut](secret))
    assert MARKER.search(redact(f"it was <{shown}>", [secret]))


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", ["hex", "base64", "base64 for URLs", "HEX", "JSON", "percent", "Python", "HTML"])
def test_a_form_that_is_cut_is_found(name: str, cut: str) -> None:
    secret = made("cut form")
    assert MARKER.search(redact(f"it was <{CUTS[cut](ENCODINGS[name](secret))}>", [secret]))


def test_what_is_cut_shorter_stays() -> None:
    secret = made("short cut")
    for shown in (secret[:11], secret[-11:], secret[5:16]):
        assert redact(f"it was <{shown}>", [secret]) == f"it was <{shown}>"


@pytest.mark.parametrize("outer", ["as it is", "percent", "base64"])
@pytest.mark.parametrize("inner", ["as it is", "percent", "form", "JSON", "HTML", "base64", "hex", "Python"])
def test_every_prefix_and_suffix_of_a_secret_is_found_wherever_it_is_cut(inner: str, outer: str) -> None:
    alphabet = string.ascii_letters + string.digits + 2 * LOOSE
    for seed in range(5):
        secret = "".join(alphabet[octet % len(alphabet)] for octet in hashlib.sha512(bytes((seed,))).digest()[:40])
        scrubber = Scrubber([secret])
        for size in range(12, 40):
            for cut in (secret[:size], secret[-size:]):
                assert MARKER.search(scrubber.text(f"bad value {ENCODINGS[outer](ENCODINGS[inner](cut))} here")), cut


@pytest.mark.parametrize("name", ["as it is", "percent", "JSON", "HTML", "Python", "HTML, hex"])
@pytest.mark.parametrize("edge", LOOSE)
def test_a_cut_that_ends_or_begins_where_the_search_is_loose_is_found_as_a_whole(edge: str, name: str) -> None:
    for secret in (f"{made('a', 11)}{edge}{made('b')}", f"{made('b')}{edge}{made('a', 11)}"):
        cut = secret[:12] if secret[11] == edge else secret[-12:]
        assert redact(f"<{ENCODINGS[name](cut)}>", [secret]) == "<[redacted secret]>"


@pytest.mark.parametrize("encode", ["as it is", "form", "percent", "base64", "hex"])
def test_a_cut_that_is_mostly_blanks_is_found(encode: str) -> None:
    secret = f"a b c d e f {made('sparse')} u v w x y z"
    for cut in (secret[:12], secret[-12:]):
        assert MARKER.search(redact(f"<{ENCODINGS[encode](cut)}>", [secret]))


def test_a_secret_of_little_but_blanks_makes_no_blanks_secret() -> None:
    secret = f"{' ' * 14}{made('after blanks')}{' ' * 14}"
    assert redact(f"<{' ' * 40}>", [secret]) == f"<{' ' * 40}>"


@pytest.mark.parametrize("form", ["b'{}", "{}'", 'u"{}"', '\\"{}\\"', "{}\\'"])
def test_a_quoted_form_is_cut_with_its_quotes(form: str) -> None:
    secret = made("quoted")
    shown = form.replace("{}", secret[: 12 - max(map(len, form.split("{}")))])
    assert MARKER.search(redact(f"it was {shown}", [secret]))


@settings(derandomize=True, database=None)
@given(
    secret=st.text(alphabet=st.characters(codec="utf-8"), min_size=8, max_size=60).filter(lambda text: text.strip()),
    chain=st.lists(st.sampled_from([*ENCODINGS]), min_size=1, max_size=1),
    around=st.sampled_from(["<{}>", "é{}é", "a={}&b", "\n{}\n"]),
)
@example(secret="e\u0301" * 8, chain=["base64"], around="<{}>")
@example(secret="\n\r\t\x00\x1f\x7f\u2028\u202e", chain=["base64"], around="<{}>")
def test_any_secret_is_found_in_any_form(secret: str, chain: list[str], around: str) -> None:
    (name,) = chain
    if name.startswith("YAML") and secret.split() != [secret]:
        return  # the writer of YAML would choose another form
    assert MARKER.search(redact(around.replace("{}", ENCODINGS[name](secret)), [secret]))


@settings(derandomize=True, database=None)
@given(
    secret=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=60).filter(
        lambda text: sum(map(str.isalnum, text)) >= 12 and len(set(text)) >= 10
    ),
    inner=st.sampled_from([*ENCODINGS]),
    outer=st.sampled_from([*ENCODINGS]),
    around=st.sampled_from(AROUND),
)
def test_any_generated_secret_is_found_in_any_form_within_another(
    secret: str, inner: str, outer: str, around: str
) -> None:
    shown = ENCODINGS[outer](ENCODINGS[inner](secret))
    assert MARKER.search(redact(around.replace("{}", shown), [secret]))


@settings(derandomize=True, database=None)
@given(text=st.text(max_size=400))
@example(text="%41%zz \\u0041 \\ & &amp; aGVsbG8gd29ybGQ= 68656c6c6f -----BEGIN PRIVATE KEY-----")
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert redact(text, [made("absent"), SECRET, pem()]) == text


# ---- private keys ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ENCODINGS)
def test_each_line_of_a_pem_block_is_a_secret(name: str, newline: str) -> None:
    block = pem(newline)
    for line in block.split(newline)[1:-3]:
        assert MARKER.search(redact(f"at line {ENCODINGS[name](line)}.", [block]))
        assert redact(f"at line {line[-12:]}.", [block]) == "at line [redacted private_key]."


# ---- what is left ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quoted", [False, True])
def test_nothing_of_a_secret_is_left_beside_its_marker_in_base64(*, quoted: bool) -> None:
    secret = f'{made("tail")}"\\'
    encoded = base64.b64encode(f"id:{json.dumps(secret)}".encode()).decode()
    text, quote = (urllib.parse.quote(encoded, safe=""), "Ig%3D%3D") if quoted else (encoded, "Ig==")
    assert (
        redact(f"Digest {text} end", [secret]) == f"Digest aWQ6[redacted secret]{quote} end"
    )  # what is left says id: and "


@pytest.mark.parametrize("secret", [f'"+{made("ends")}+"', f"'{made('ends')}\\", f" {made('ends')}+"])
def test_the_odd_ends_of_a_secret_are_not_left(secret: str) -> None:
    for text in (secret, _json(secret), base64.b64encode(secret.encode()).decode()):
        assert redact(f"<{text}>", [secret]) == "<[redacted secret]>"


def test_a_secret_that_repeats_itself_is_found() -> None:
    for secret in ("ab" * 20, "7" * 40, "abc" * 13):
        for before in ("", "x", "xx", "xxx"):
            scrubbed = redact(f"<{before}{secret}>", [secret])
            assert len(MARKER.sub("", scrubbed)) < 12
