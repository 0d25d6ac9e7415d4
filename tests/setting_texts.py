"""Texts of every setting, good and bad, made when the tests run and the same in every process."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import certifi

from mcp_server.redaction import Secret
from mcp_server.setting_rules import SecretUrl
from tests.materials import API_KEY, made

MARK = made("setting", 16)
"""Stands in the bad texts, and must stand in no error."""

RAW_KEY = hashlib.sha256(b"encryption key").digest()
ENCRYPTION_KEY = base64.b64encode(RAW_KEY).decode()
OLDER_KEY = base64.b64encode(hashlib.sha256(b"older encryption key").digest()).decode()
PASSWORD = made("password of the database", 20)
DATABASE = f"//studio:{PASSWORD}@db.internal:5432/connectors"

GOOD: dict[str, tuple[str, Any]] = {
    "api_key": (API_KEY, Secret(API_KEY)),
    "base_url": ("https://api.example.com/v2/", "https://api.example.com/v2"),
    "timeout": ("100", 100),
    "max_retries": ("0", 0),
    "upstream_limit": ("1", 1),
    "ca_file": (certifi.where(), Path(certifi.where())),
    "credentials_file": ("some/credentials.toml", Path("some/credentials.toml")),
    "inline_secrets": ("deny", "deny"),
    "open_browser": ("Yes", "yes"),
    "read_only": ("YES", "yes"),
    "tools": ("list_connectors, get_connector", ("list_connectors", "get_connector")),
    "exclude_tools": ("delete_connector", ("delete_connector",)),
    "transport": ("http", "http"),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("0", 0),
    "path": ("/connectors/mcp", "/connectors/mcp"),
    "public_url": ("https://mcp.example.com/", "https://mcp.example.com"),
    "workers": ("2", 2),
    "stateful": ("yes", "yes"),
    "tls_cert": ("some/chain.pem", Path("some/chain.pem")),
    "tls_key": ("some/key.pem", Path("some/key.pem")),
    "auth": ("OAuth", "oauth"),
    "oauth_issuer": ("https://login.example.com/", "https://login.example.com/"),
    "oauth_audience": ("https://mcp.example.com/mcp", "https://mcp.example.com/mcp"),
    "allowed_origins": (
        "https://Studio.example.com, http://localhost:3000",
        ("https://studio.example.com", "http://localhost:3000"),
    ),
    "rate_limit": ("0", 0),
    "data_dir": ("some/folder", Path("some/folder")),
    "database_url": (f"postgresql:{DATABASE}", SecretUrl(f"postgresql+asyncpg:{DATABASE}")),
    "encryption_key": (ENCRYPTION_KEY, Secret(ENCRYPTION_KEY)),
    "encryption_keys": (f"{ENCRYPTION_KEY},{OLDER_KEY}", (Secret(ENCRYPTION_KEY), Secret(OLDER_KEY))),
    "s3_endpoint": ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    "gcs_endpoint": ("http://storage.internal:4443/", "http://storage.internal:4443"),
    "azure_endpoint": ("https://[::1]:10000/devstoreaccount1", "https://[::1]:10000/devstoreaccount1"),
    "azure_authority_host": ("https://login.example.com", "https://login.example.com"),
    "gcs_token_uri": ("https://token.example.com/token", "https://token.example.com/token"),
}
NAMES = tuple(GOOD)

_URLS = [
    *(MARK, f"ftp://{MARK}", f"https://{MARK}@host", f"https://u:{MARK}@host", f"//{MARK}", f"file:///{MARK}"),
    *(f"https://host/?key={MARK}", f"https://host/#{MARK}", f"https://[{MARK}", f"https://host:{MARK}", "https://"),
    *(f"https://host:99999/{MARK}", f"https://host:0/{MARK}", f"https://ho st/{MARK}", f"https://ho\nst/{MARK}"),
    *(f"javascript:{MARK}", f"https:/{MARK}", f"https:{MARK}", "https:///path", f"https://host/a b/{MARK}"),
    *(f"https://host/\x01{MARK}", f"https://host\x7f/{MARK}", f"https://host/{MARK}?", f"https://host/{MARK}#"),
    f"https://xn--/{MARK}",
]
_URLS_FOR_KEYS = [*_URLS, f"http://{MARK}.example.com", f"http://localhost.{MARK}.com", "http://127.0.0.1.example.com"]
_ORIGINS = [*_URLS, f"https://host/{MARK}", "*", "null", f"https://*.{MARK}.com/x"]
_NUMBERS = [
    *(MARK, "-1", "1.5", "1e3", "0x10", "1_000", "\u0661\u0662\u0663", "99999999999999999999", "9" * 5_000, "nan"),
]
_SWITCHES = [MARK, "true", "1", "yes no"]
_PATHS = [f"~no-such-user-{MARK}/x", f"{MARK}\x00", f"{MARK}\n"]
_TOOLS = [f"get-{MARK}", f"get_connector;{MARK}", "Get_Connector", "x" * 41, ",", " ", f"get_connector, {MARK}é"]
_KEYS = [
    *(MARK, ENCRYPTION_KEY[:-6] + "==", f"{ENCRYPTION_KEY}AAAA", "é" * 44, "a"),
    f"{ENCRYPTION_KEY[:20]} {ENCRYPTION_KEY[21:]}",
]
_FILES = [
    *("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file::memory:", "sqlite:///%3Amemory%3A"),
    *(f"sqlite:///{MARK}?mode=ro", f"sqlite:///{MARK}#x", f"sqlite:///{MARK}\x00", f"sqlite:///{MARK}%00"),
    *(f"sqlite+pysqlite:///{MARK}", f"sqlite://host/{MARK}"),
]
_DATABASES = [
    *(MARK, f"mysql:{DATABASE}", f"postgresql+psycopg:{DATABASE}", f"POSTGRESQL:{DATABASE}", f"postgresql:/{DATABASE}"),
    *(f"postgresql://studio:{MARK}@host", f"postgresql://studio:{MARK}@host/", f"postgresql://studio:{MARK}@/media"),
    *(f"postgresql://studio:{MARK}{odd}x@host/media" for odd in ":/?#@ é\n"),
    *(f"postgresql://studio:1{odd}{MARK}@host/media" for odd in ":/?#@"),
    *(f"postgresql://:{MARK}@host/media", f"postgresql://studio@host:{MARK}/media", "postgresql://host:0/media"),
    *(f"postgresql://host/media?password={MARK}", f"postgresql://host/media?ssl=a&dsn={MARK}"),
    *(f"postgresql://host/media?pass%77ord={MARK}", f"postgresql://host/media#{MARK}", "postgresql://one,two/media"),
    "postgresql://one:1,two:2/media",
]
BAD: dict[str, list[str]] = {
    "api_key": [f"{MARK} {MARK}", f"{MARK}\nX-Other: a", f"{MARK}é", "short", f"{MARK}\x00", "   ", "k" * 5_000],
    "base_url": _URLS_FOR_KEYS,
    "timeout": [*_NUMBERS, "0", "99", "600001"],
    "max_retries": [*_NUMBERS, "11"],
    "upstream_limit": [*_NUMBERS, "0", "10001"],
    "ca_file": [*_PATHS, MARK, __file__, f"{MARK}/" * 1_000, ".", f"{__file__}/{MARK}"],
    "credentials_file": _PATHS,
    "inline_secrets": [MARK, "no"],
    "open_browser": _SWITCHES,
    "read_only": _SWITCHES,
    "tools": _TOOLS,
    "exclude_tools": _TOOLS,
    "transport": [MARK, "https", "streamable-http", "http,sse"],
    "host": [
        *(f"{MARK} x", f"{MARK}/24", "localhost:8080", "127.0.0.1:80", "[::1]:80", "[", "[]", ":", ":::", "::g"),
        *(f"-{MARK}", f"{MARK}.", "é.example.com", "*", "x" * 254, f"http://{MARK}", f"user@{MARK}", "[[::1]]"),
    ],
    "port": [*_NUMBERS, "65536"],
    "path": [
        *(MARK, "/", "//", "/mcp/", f"//{MARK}", f"/{MARK}/../x", "/..", "/.", "/a/./b", f"/{MARK}?x", f"/{MARK}#x"),
        *(f"/{MARK} x", f"/%2e/{MARK}", f"/{{{MARK}}}", f"/{MARK}\\x", f"/é{MARK}", f"/{MARK}\n/x", "/" + "." * 5_000),
    ],
    "public_url": _ORIGINS,
    "workers": [*_NUMBERS, "0", "65"],
    "stateful": _SWITCHES,
    "tls_cert": _PATHS,
    "tls_key": _PATHS,
    "auth": [MARK, "apikey", "api_key", "no"],
    "oauth_issuer": _URLS_FOR_KEYS,
    "oauth_audience": [f"{MARK} {MARK}", f"{MARK}\n{MARK}", f"{MARK}é", "   ", "a" * 513],
    "allowed_origins": [*_ORIGINS, ",", f"https://studio.example.com, {MARK}"],
    "rate_limit": [*_NUMBERS, "1000001"],
    "data_dir": _PATHS,
    "database_url": [*_FILES, *_DATABASES],
    "encryption_key": _KEYS,
    "encryption_keys": [
        *(*_KEYS, ",", f"{ENCRYPTION_KEY},{MARK}", f"{ENCRYPTION_KEY},{OLDER_KEY},{ENCRYPTION_KEY}"),
        f"{ENCRYPTION_KEY},{ENCRYPTION_KEY.rstrip('=')}",
    ],
    "s3_endpoint": _URLS,
    "gcs_endpoint": _URLS,
    "azure_endpoint": _URLS,
    "azure_authority_host": _URLS,
    "gcs_token_uri": _URLS,
}
