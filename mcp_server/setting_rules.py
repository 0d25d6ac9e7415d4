"""What the text of each kind of setting must be: functions from a text to its value. No environment is read here.

A broken rule completes the sentence "must be", and never holds the text.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from ipaddress import IPv6Address
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mcp_server.redaction import Secret, reveal_text

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
ENCRYPTION_KEY_BYTES = 32


class RuleBroken(ValueError):
    """A text is not what its setting wants; the message completes "must be"."""


class SecretUrl(Secret):
    """A URL with a password in it: neither may be seen."""

    def parts(self) -> tuple[str, ...]:
        """The URL, and its password as it is written there and as it is meant.

        A short password is looked for as `:password@` only: alone, it could be any word.
        """
        url = super().parts()[0]
        password = urlsplit(url).password or ""
        known = [password, unquote(password)] if len(unquote(password)) >= self.MIN_LENGTH else [f":{password}@"]
        return tuple(dict.fromkeys([url, *known] if password else [url]))


def api_key(text: str) -> Secret:
    """A key of any API that sends it in a header."""
    if not re.fullmatch("[!-~]{8,4096}", text.strip()):
        raise RuleBroken("8 or more printable ASCII characters without blanks")
    return Secret(text.strip())


def http_url(text: str) -> str:
    """An absolute URL without the slash at its end."""
    url = text.strip().rstrip("/")
    if (
        not re.fullmatch("https?://[!-~]+", url)
        or re.search("[@?#\\\\]|//xn--[:/]?$|xn--[./:]", url)
        or not _has_host(url)
    ):
        raise RuleBroken("an http:// or https:// URL in ASCII without user, query and fragment")
    return url


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def url_for_keys(text: str) -> str:
    """A URL to which a key may travel."""
    url = http_url(text)
    if url.startswith("http:") and urlsplit(url).hostname not in LOOPBACK_HOSTS:
        raise RuleBroken("https:// (plain http only to this machine: the API key would travel in clear)")
    return url


def issuer(text: str) -> str:
    """The URL of an OpenID provider, to the letter: its tokens name it with or without the slash at its end."""
    url_for_keys(text)
    return text.strip()


def origin(text: str) -> str:
    """What a browser says in its Origin header: scheme, host, and port where it is not the scheme's own."""
    url = http_url(text).lower()
    if urlsplit(url).path:
        raise RuleBroken("an http:// or https:// URL without a path")
    return url.removesuffix(":").removesuffix(":443" if url.startswith("https:") else ":80")


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number within bounds."""

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text.strip()) or not low <= int(text) <= high:
            raise RuleBroken(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def file_path(text: str) -> Path:
    """A path of this machine; a tilde is the home folder."""
    try:
        if text.isprintable():
            return Path(text).expanduser()
    except RuntimeError:  # the home of somebody who is not known here
        pass
    raise RuleBroken("the path of a file or folder")


def certificates(text: str) -> Path:
    """The path of a file that has certificates."""
    import ssl

    path = file_path(text)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ssl.SSLError):
        raise RuleBroken("the path of a PEM file with certificates") from None
    return path


def url_path(text: str) -> str:
    """The path part of a URL, of plain segments."""
    path = text.strip()
    if not re.fullmatch("(/[A-Za-z0-9_~.-]*[A-Za-z0-9_~-])+", path):
        raise RuleBroken("a path such as /mcp")
    return path


def host(text: str) -> str:
    """An address or a name to listen on."""
    name = text.strip().lower()
    if re.fullmatch("(?=.{1,253}$)[a-z0-9]([a-z0-9._-]*[a-z0-9])?", name):
        return name
    try:
        return str(IPv6Address(re.sub(r"^\[(.+)\]$", r"\1", name)))
    except ValueError:
        raise RuleBroken("an IP address or a host name, without a port") from None


def database_url(text: str) -> str | Secret:
    """A SQLite file for aiosqlite, or a PostgreSQL database for asyncpg."""
    url = text.strip()
    scheme, _, rest = url.partition(":")
    if scheme in {"sqlite", "sqlite+aiosqlite"} and _is_file(rest):
        return f"sqlite+aiosqlite:{rest}"
    if scheme in {"postgres", "postgresql", "postgresql+asyncpg"} and _is_database(rest):
        return SecretUrl(f"postgresql+asyncpg:{rest.replace('?sslmode=', '?ssl=')}")
    raise RuleBroken(
        "sqlite:///PATH with the path of a file, or postgresql://USER:PASSWORD@HOST/DATABASE (in the password, / is "
        "%2F, @ is %40, and so on; nothing after it but ?sslmode=MODE)"
    )


def _is_file(rest: str) -> bool:
    path = unquote(rest)
    return re.fullmatch("///[^?#]+", rest) is not None and path.isprintable() and not path.endswith(":memory:")


def _is_database(rest: str) -> bool:
    """Whether every reader of such URLs would find the same password in it, and no other secret."""
    url = r"//([^:/?#@]+(:[^:/?#@]*)?@)?[^,/?#@]+/[^/?#@]+(\?ssl(mode)?=[a-z-]+)?"
    return re.fullmatch(url, rest) is not None and re.fullmatch("[!-~]+", rest) is not None and _has_host(rest)


def encryption_key_bytes(key: Secret) -> bytes:
    """The 32 bytes of an encryption key in base64, standard or URL-safe.

    Raises ValueError when it is not that.
    """
    text = reveal_text(key).rstrip("=").replace("-", "+").replace("_", "/")
    raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    if len(raw) != ENCRYPTION_KEY_BYTES:
        raise ValueError
    return raw


def encryption_key(text: str) -> Secret:
    """A key that seals credentials."""
    key = Secret(text.strip())
    try:
        encryption_key_bytes(key)
    except ValueError:
        raise RuleBroken("32 random bytes in base64 (44 characters)") from None
    return key


def encryption_keys(text: str) -> tuple[Secret, ...]:
    """Such keys, all different, the newest first."""
    words = [word for word in re.split(r"[\s,]+", text) if word]
    try:
        keys = tuple(encryption_key(word) for word in words)
    except RuleBroken:
        keys = ()
    if not keys or len({encryption_key_bytes(key) for key in keys}) < len(keys):
        raise RuleBroken("different keys of 32 random bytes in base64, the newest first, with commas between them")
    return keys


def one_of(*words: str) -> Callable[[str], str]:
    """One of these words."""

    def parse(text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise RuleBroken(", ".join(words[:-1]) + f" or {words[-1]}")
        return word

    return parse


def several(parse: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """One or more of what `parse` takes, with commas between them."""

    def parse_all(text: str) -> tuple[str, ...]:
        words = [word for word in text.split(",") if word.strip()]
        return tuple(dict.fromkeys(parse(word) for word in words or [text]))

    return parse_all


def word(text: str) -> str:
    """A text of one word, such as the audience of a token."""
    if not re.fullmatch("[!-~]{1,512}", text.strip()):
        raise RuleBroken("printable ASCII characters without blanks")
    return text.strip()


def name(text: str) -> str:
    """A name as tools have."""
    word = text.strip()
    if not re.fullmatch("[a-z0-9_]{1,40}", word):
        raise RuleBroken("names of tools, with commas between them")
    return word
