"""Secrets that nobody named are found where services show them, and what only looks like one stays as it is."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.redaction import redact
from tests.materials import API_KEY, CLOUD_FILE, CONNECTOR, UUID, made, pem, service_account


def _of(alphabet: str, label: str, length: int) -> str:
    """A text of the alphabet that nobody issued."""
    octets = b"".join(hashlib.sha256(f"{label}{block}".encode()).digest() for block in range(length // 32 + 1))
    return "".join(alphabet[octet % len(alphabet)] for octet in octets[:length])


LETTERS = string.ascii_letters + string.digits
AWS = _of(f"{LETTERS}+/", "aws", 40)
KEY_ID = f"AK{'IA'}{_of(string.ascii_uppercase + '234567', 'id', 16)}"
TEMPORARY_ID = f"AS{'IA'}{KEY_ID[4:]}"
ENTRA = f"ab1{'8Q~'}{_of(LETTERS + '._-', 'entra', 34)}"
ACCOUNT_KEY = base64.b64encode(hashlib.sha512(b"account").digest()).decode()
PASSWORD = _of(LETTERS, "password", 10) + "x1Y2-z"
SHORT = PASSWORD[:7]
HEX = made("hex", 64)
TOKEN = _of(f"{LETTERS}+/", "token", 300)
JWT = ".".join((f"ey{'J'}{_of(LETTERS, 'head', 20)}", f"eyJ{_of(LETTERS, 'body', 60)}", _of(LETTERS, "end", 43)))
GOOGLE = f"ya{'29.'}{_of(LETTERS + '_-', 'google', 60)}"
BASIC = base64.b64encode(f"id:{AWS}".encode()).decode()
SIGNATURE = base64.b64encode(hashlib.sha256(b"signature").digest()).decode()
PERCENT_SIGNATURE = SIGNATURE.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
SECRETS = (
    *(AWS, KEY_ID, ENTRA, ACCOUNT_KEY, PASSWORD, SHORT, HEX, TOKEN, JWT, GOOGLE, BASIC),
    *(SIGNATURE, PERCENT_SIGNATURE, API_KEY),
)


def _fault(**changes: object) -> str:
    fault = {"type": "string_too_short", "loc": ["body", "client_secret"], "msg": "too short", "input": SHORT}
    return json.dumps({"detail": [{**fault, **changes}]})


SHOWN = {
    "JSON": (json.dumps({"aws_secret_access_key": AWS}), "aws_secret_access_key"),
    "JSON in JSON": (json.dumps(json.dumps({"clientSecret": ENTRA})), "client_secret"),
    "JSON in HTML": (f"&quot;client_secret&quot;: &quot;{ENTRA}&quot;", "client_secret"),
    "a dict": (repr({"SecretAccessKey": AWS}), "aws_secret_access_key"),
    "XML": (f"<Credentials><SecretAccessKey>{AWS}</SecretAccessKey></Credentials>", "aws_secret_access_key"),
    "an XML attribute": (f'<add key="password" value="{PASSWORD}"/>', "password"),
    ".aws/credentials": (f"[default]\naws_secret_access_key = {AWS}\nregion = eu-west-1\n", "aws_secret_access_key"),
    "the environment": (f"AZURE_CLIENT_ID={UUID}\nAZURE_CLIENT_SECRET={ENTRA}\n", "client_secret"),
    "docker run": (f"docker run -e API_PASSWORD='{PASSWORD}' image", "password"),
    "docker inspect": (json.dumps({"Env": [f"AWS_SESSION_TOKEN={TOKEN}"]}), "session_token"),
    "a container's environment": (json.dumps([{"name": "CLIENT_SECRET", "value": ENTRA}]), "client_secret"),
    "a pod's environment": (f"- name: DB_PASSWORD\n  value: {PASSWORD}\n", "password"),
    "YAML": (f"storage:\n  secretKey: {AWS}\n  bucket: media\n", "secret_key"),
    "YAML, folded": (f"password: >-\n  {PASSWORD}\n", "password"),
    "TOML": (f'api_key = "{HEX}"', "api_key"),
    "terraform": (f'  + client_secret = "{ENTRA}"\n  + tenant_id = "{UUID}"', "client_secret"),
    "Ruby": (f":password => '{PASSWORD}'", "password"),
    "code": (f"config['password'] = '{PASSWORD}'", "password"),
    "a form": (f"grant_type=client_credentials&client_secret={PASSWORD}&scope=x", "client_secret"),
    "a form in a form": (f"password%3D{PASSWORD}%26x", "password"),
    "a header": (f"> X-API-Key: {HEX}\r\n> Accept: */*", "api_key"),
    "curl": (f"curl -H 'X-API-Key: {HEX}' https://example.com", "api_key"),
    "raw headers": (f"Headers([(b'host', b'x'), (b'x-api-key', b'{HEX}')])", "api_key"),
    "bearer": (f"> Authorization: Bearer {HEX}", "bearer_token"),
    "basic": (f"Authorization: Basic {BASIC}", "basic_credentials"),
    "a bare header": (f'"Authorization": "{HEX}"', "authorization"),
    "FastAPI": (_fault(), "client_secret"),
    "FastAPI, sorted": (json.dumps(json.loads(_fault()), sort_keys=True), "secret"),
    "FastAPI, indented": (json.dumps(json.loads(_fault(loc=["body", 0, "password"])), indent=4), "password"),
    "FastAPI, printed": (repr([{"loc": ("body", "api_key"), "msg": "too short", "input": SHORT}]), "api_key"),
    "pydantic": (
        f"1 validation error\npassword\n  String is too short [type=too_short, input_value='{SHORT}', input_type=str]",
        "password",
    ),
    "an Azure connection string": (
        f"DefaultEndpointsProtocol=https;AccountName=media;AccountKey={ACCOUNT_KEY};EndpointSuffix=core.windows.net",
        "account_key",
    ),
    "another connection string": (
        f"Endpoint=sb://x/;SharedAccessKeyName=R;SharedAccessKey={SIGNATURE}",
        "shared_access_key",
    ),
    "a SAS": (f"https://a.blob.core.windows.net/c?sv=2022-11-02&sig={PERCENT_SIGNATURE}&se=2026", "sas_signature"),
    "a SAS connection string": (f"SharedAccessSignature=sv=2022-11-02&sig={PERCENT_SIGNATURE}", "sas_signature"),
    "a database URL": (f"postgresql://app:{PASSWORD}@db.internal/media", "password"),
    "an S3 URL's key id": (
        f"?X-Amz-Credential={KEY_ID}%2F20260401%2Fus-east-1%2Fs3%2Faws4_request",
        "aws_access_key_id",
    ),
    "an S3 URL's token": (f"&X-Amz-Security-Token={TOKEN}&X-Amz-Expires=60", "security_token"),
    "an S3 URL's signature": (f"&X-Amz-SignedHeaders=host&X-Amz-Signature={HEX}", "signature"),
    "an old S3 URL": (f"?AWSAccessKeyId=x&Signature={PERCENT_SIGNATURE}&Expires=1", "signature"),
    "a Google URL": (f"&X-Goog-SignedHeaders=host&X-Goog-Signature={HEX * 8}", "signature"),
    "an S3 error": (f"<Code>InvalidAccessKeyId</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId>", "aws_access_key_id"),
    "a temporary id": (f"for {TEMPORARY_ID}.", "aws_access_key_id"),
    "an API key": (f"the key {API_KEY} was refused", "api_key"),
    "a token of Google": (f"token {GOOGLE} expired", "access_token"),
    "a JWT": (f"invalid token {JWT}", "jwt"),
    "half a JWT": (f"invalid token {JWT[:70]}", "jwt"),
    "a secret of Entra": (f"the secret {ENTRA} has expired", "client_secret"),
    "a key file": (json.dumps(service_account()), "private_key"),
    "a PEM block": (pem(), "private_key"),
    "a printed PEM block": (repr(pem()), "private_key"),
    "a cut PEM block": (f"{pem()[:120]}", "private_key"),
    "a PEM block in a line": (f"key {pem().replace(chr(10), ' ')} end", "private_key"),
    "an encrypted PEM block": (pem().replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1), "private_key"),
}


@pytest.mark.parametrize("shape", SHOWN)
def test_a_secret_that_nobody_named_is_found_and_named(shape: str) -> None:
    text, name = SHOWN[shape]
    scrubbed = redact(text, [])
    assert f"[redacted {name}]" in scrubbed
    assert not [secret for secret in (*SECRETS, *pem().split("\n")[1:-3]) if secret in scrubbed]
    assert redact(scrubbed, []) == scrubbed


@pytest.mark.parametrize("shape", ["JSON", "JSON in JSON", "docker inspect", "FastAPI", "a key file"])
def test_json_stays_json(shape: str) -> None:
    json.loads(redact(SHOWN[shape][0], []))


def test_all_but_the_private_key_of_a_key_file_stays() -> None:
    key = service_account(client_id="1" * 21, auth_provider_x509_cert_url="https://www.googleapis.com/oauth2/v1/certs")
    scrubbed = json.loads(redact(json.dumps(key), []))
    assert scrubbed == {**key, "private_key": "[redacted private_key]\n"}


HARMLESS = (
    "api_key: is required",
    "client_secret: must have at least 8 characters",
    "password: required",
    "password: 8 to 64 characters",
    "password: correct-horse-battery",
    "aws_secret_access_key is missing",
    "secrets/password-policy.pdf",
    "backups/session_token_2026.json",
    "exports/secret_key-v2.csv",
    "media/password=2026-04-01/file1.mp4",
    "password: 2026-04-01T00:00:00Z",
    "secret/2026/x1y2z3w4.mp4",
    f"ASSETS/{made('name')}.txt and {UUID}",
    f'ETag: "{made("etag", 32)}"',
    f"Content-MD5: {base64.b64encode(hashlib.md5(b'x', usedforsecurity=False).digest()).decode()}",
    f"x-amz-id-2: {SIGNATURE}",
    f"The MAC signature found in the HTTP request '{SIGNATURE}' is not the same as any computed signature.",
    "NextContinuationToken: 1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db1-AbC123",
    f'WWW-Authenticate: Bearer authorization_uri="https://login.windows.net/{UUID}"',
    "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent is the client secret value,",
    f"not the client secret ID, for a secret added to app '{UUID}'. Trace ID: {UUID}",
    "basic authentication-required",
    "basic abcdefgh9",
    "Bearer tokens-are-not-accepted-here",
    "password=password",
    "password=12345678",
    "password=ABCDEFGHIJ",
    "password=foo+bar+baz",
    "api_key=os.environ['API_KEY2']",
    "private_key: PKCS7PrivateKeyTypes",
    "private_key: /run/secrets/key1.pem",
    "password_file=/run/secrets/db1_password",
    "password=/run/secrets/db1_password",
    "password: https://vault1.example.com/v1",
    "client_secret=***",
    "client_secret=xxxxxxxxxxxx",
    "password=<your-password-1>",
    "api_key: ${API_KEY_1}",
    "https://user:password@example.com/",
    "SharedAccessSignature={your-signature}",
    "sig=abc",
    '{"password": ["This field is required."]}',
    '{"loc": ["body", "client_secret"], "msg": "Field required", "input": null}',
    '{"field": "client_secret", "rule": "must have at least 8 characters"}',
    '"client_secret": "[redacted client_secret]"',
    "private_key must be a PEM block (BEGIN PRIVATE KEY) of at most 16 KB",
    "-----BEGIN PRIVATE KEY----- is missing",
    "photos/sk_live_concert.jpg",
    "input/token/eyJ.txt",
    json.dumps([CONNECTOR, CLOUD_FILE]),
)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert redact(text, [AWS, pem(), API_KEY]) == text


@settings(derandomize=True, database=None)
@given(value=st.lists(st.sampled_from(["must", "be", "a", "valid", "secret", "client", "password"]), min_size=1))
def test_prose_beside_a_field_stays(value: list[str]) -> None:
    for text in (f"client_secret: {' '.join(value)}", json.dumps({"password": " ".join(value)})):
        assert redact(text, [AWS]) == text


BEGINNING = "-----BEGIN PRIVATE" + " KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        BEGINNING + "a: " * 20_000,
        BEGINNING + "a: x\n" * 10_000,
        BEGINNING + "A" * 16 + "\n" * 60_000,
        BEGINNING + "A" * 16 + "\\" * 60_000,
        (BEGINNING + "a: ") * 2_000,
        "authorization:" * 4_600 + " x",
        "authorization:" + "x" * 64_000 + " x",
        "shared_access_signature=" * 2_500,
        "://" * 20_000 + "x" * 300,
        "password=" * 7_000 + ";",
    ],
    ids=lambda text: f"{text[:40]}",
)
def test_what_is_made_to_take_long_does_not(text: str) -> None:
    """Some of these would take days where an expression tries every way to divide them."""
    began = time.process_time()
    redact(text, ())
    assert time.process_time() - began < 10


def test_a_long_token_beside_its_header_is_found_whole() -> None:
    token = "".join(secrets.token_hex(16) for _ in range(200))
    assert token not in redact(f"authorization: {token}", ())
    assert token[:64] not in redact(f"authorization: {token}", ())
