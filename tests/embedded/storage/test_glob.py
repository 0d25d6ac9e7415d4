"""A glob means what wcmatch says it means, and no pattern takes long."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcmatch import glob as wcmatch

from mcp_server.embedded.storage.glob import read_glob
from mcp_server.errors import InvalidArguments

FLAGS = wcmatch.GLOBSTAR | wcmatch.BRACE | wcmatch.DOTGLOB | wcmatch.CASE | wcmatch.FORCEUNIX

# Not here, where the two differ on purpose: empty segments, `.` and `..`, which are text to us; and line ends, of which
# wcmatch takes the last for the end of the text.
_names = st.text("abA.-] ", min_size=1, max_size=6).filter(lambda name: name not in (".", ".."))
_paths = st.lists(_names, min_size=1, max_size=5).map("/".join)
_pieces = st.sampled_from(
    [
        "a",
        "b",
        "A",
        ".",
        "-",
        "*",
        "?",
        "[ab]",
        "[!a]",
        "[^a]",
        "[^]a]",
        "[a-b]",
        "[]a]",
        "[!]]",
        r"\*",
        "{a,b}",
        "{A,.b}",
    ]
)
_segments = (
    st.lists(_pieces, min_size=1, max_size=5).map("".join).filter(lambda text: "**" not in text and text.strip("."))
)
_globs = (
    st.lists(_segments | st.just("**"), min_size=1, max_size=5)
    .map("/".join)
    .filter(lambda glob: glob.count("*") <= 10 and glob.count("{") <= 5)
)


def _suffixes(texts: list[str]) -> str:
    return "*" + (texts[0] if len(texts) == 1 else "{" + ",".join(texts) + "}")


@given(_paths, _globs)
def test_a_glob_over_paths_means_what_wcmatch_means(path: str, pattern: str) -> None:
    assert bool(read_glob(pattern).matches(path)) == wcmatch.globmatch(path, pattern, flags=FLAGS)


@given(_names, st.lists(st.text("abA.-", min_size=1, max_size=3), min_size=1, max_size=4).map(_suffixes))
def test_the_cheap_form_means_what_wcmatch_means(name: str, pattern: str) -> None:
    assert bool(read_glob(pattern).matches(name)) == wcmatch.globmatch(name, pattern, flags=FLAGS)


@given(_paths, _globs)
def test_what_matches_begins_with_the_head(path: str, pattern: str) -> None:
    glob = read_glob(pattern)
    assert path.startswith(glob.head) or not glob.matches(path)


@given(st.text(min_size=1, max_size=12), st.text(max_size=12))
def test_every_text_is_a_glob(pattern: str, text: str) -> None:
    assert _wrong_fields(pattern, text) <= {"pattern"}


def _wrong_fields(pattern: str, text: str) -> set[str]:
    try:
        read_glob(pattern).matches(text)
    except InvalidArguments as error:
        return {violation.field for violation in error.violations}
    return set()


@pytest.mark.parametrize(
    ("pattern", "matched", "unmatched"),
    [
        ("[a-]", "-", "b"),
        ("[z-a]", "", "z"),
        ("[!z-a]", "z", "/"),
        ("[+-9]", "5", "/"),
        ("[^a]", "b", "a"),
        ("[^a]", "^", "/"),
        ("[a^]", "^", "b"),
        ("[{]", "{", "["),
        ("]}", "]}", "["),
        ("}{a}", "}{a}", "a"),
        (r"\{a", "{a", "a"),
        (r"\[a", "[a", "a"),
        ("[&&||~~--]", "&", "x"),
        (r"\[a\]", "[a]", "a"),
        ("a\\", "a\\", "a"),
        ("{1..3}.mp4", "2.mp4", "4.mp4"),
        ("{a}", "{a}", "a"),
        ("***/x", "a/b/x", "a/b/y"),
        ("a**b", "axxb", "a/b"),
        ("**/**/x", "a/x", "a/y"),
        ("**/a/**/b", "x/a/y/b", "x/b/y/a"),
        ("a/**", "a/b", "a"),
        ("*", "", "a/b"),
        ("?*.mp4", "\n.mp4", "/.mp4"),
        ("a/*/b", "a//b", "a/b"),
    ],
)
def test_corners_of_the_language(pattern: str, matched: str, unmatched: str) -> None:
    glob = read_glob(pattern)
    assert glob.matches(matched) or not matched
    assert not glob.matches(unmatched)


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        ("*a" * 17, "16 stars"),
        ("{a,b}" * 17, "16 braces"),
        ("{a,b}" * 7, "64 patterns"),
        ("{1..65}", "64 patterns"),
        ("{1..999999999}", "64 patterns"),
        ("x" * 900 + "{1..9}", "4096 characters"),
        ("**/" + "*/" * 14 + "{1,2}{3,4}{5,6}{7,8}{9,0}{x,y}", "320 stars when"),
    ],
)
def test_a_pattern_that_could_take_long_is_refused(pattern: str, rule: str) -> None:
    with pytest.raises(InvalidArguments, match=rule):
        read_glob(pattern)


@pytest.mark.parametrize("pattern", ["*.{mp4", "{", "{a,{b,c}", "x}{y", "*.{mp4,mov/**"])
def test_a_brace_that_is_not_closed_is_refused_and_not_taken_for_text(pattern: str) -> None:
    with pytest.raises(InvalidArguments, match=r"pattern: has a \{ that no \} closes"):
        read_glob(pattern)


@pytest.mark.parametrize("pattern", ["[", "a[", "[a/b]", "clip-[0-9.mp4", "{a,[b}"])
def test_a_bracket_that_is_not_closed_is_refused_and_not_taken_for_text(pattern: str) -> None:
    with pytest.raises(InvalidArguments, match=r"pattern: has a \[ that no \] closes before the next slash"):
        read_glob(pattern)


HOSTILE = [
    "*a" * 15 + "b",
    "*" + "?" * 900 + "x",
    "*" + "[!b]" * 900 + "x",
    "*" + "a" * 500 + "*b",
    "*" + "?" * 50 + "{" + ",".join(f"b{number}" for number in range(64)) + "}",
    "{a,b}" * 4 + "*a" * 15 + "b",
    "{" + ",".join("*" + "?" * 55 + f"{number}x" for number in range(8)) + "}",
    "**/" + "a/" * 500 + "b",
    "**/*a*a*a*a*a*a*a*b",
    "**/" + "*?/**/" * 4 + "x",
    "**/" + "*/" * 14 + "x",
    "**/" + "*/" * 14 + "{1,2}{3,4}{5,6}{7,8}x",
    "**/" + "*/" * 3 + "{1,2}{3,4}{5,6}{7,8}{9,0}{x,y}",
    "**/*" + "?/" * 450 + "x",
    "**/" * 7 + "*" + "?" * 300 + "x",
    "**/*a/" * 4 + "**/" + "?" * 100 + "x",
    "{**/,*/}" * 5 + "x",
    "**/{a,b}/**/{a,b}/**/{a,b}/**/*{a,b}/*{a,b}x",
    "*" + "[ab]" * 13 + "{1,2}" * 6 + "x",
    "*[\u5b57a]{" + ",".join(map(str, range(64))) + "}",
]
LONG = {
    "one segment": "a" * 1024,
    "two segments": "a" * 511 + "/" + "a" * 512,
    "short segments": "a/" * 512,
    "three letters a segment": "aab/" * 256,
    "slashes": "/" * 1024,
    "slashes and a character beyond ASCII": "/" * 1020 + "\N{CLAPPER BOARD}",
    "no ASCII": "\N{CLAPPER BOARD}" * 256,
}


def _seconds(matches: Callable[[str], object], key: str) -> float:
    """The best of three: another process may take the core's caches meanwhile."""
    tries: list[float] = []
    for _ in range(3):
        began = time.thread_time()
        assert not matches(key)
        tries.append(time.thread_time() - began)
    return min(tries)


@pytest.mark.parametrize("pattern", HOSTILE, ids=[str(number) for number in range(len(HOSTILE))])
def test_no_pattern_takes_50_milliseconds_on_the_longest_key(pattern: str) -> None:
    glob = read_glob(pattern)
    assert max(_seconds(glob.matches, key) for key in LONG.values()) < 0.05


_hostile_pieces = st.sampled_from(["*", "**/", "?", "a", "[!b]", "/", "*/", "{a,?}", "?" * 50, "a" * 50, "[!b]" * 20])


@settings(max_examples=200)
@given(st.lists(_hostile_pieces, max_size=60).map("".join), st.sampled_from(sorted(LONG)))
def test_no_pattern_of_hostile_pieces_takes_50_milliseconds(pattern: str, shape: str) -> None:
    try:
        glob = read_glob(pattern + "x")
    except InvalidArguments:
        return
    assert _seconds(glob.matches, LONG[shape]) < 0.05
