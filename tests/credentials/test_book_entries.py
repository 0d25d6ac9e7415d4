"""What stands in the credentials file: the entries that are taken, and what is said of those that are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_server.credentials.entries import entries_in
from mcp_server.credentials.programs import CommandOutput
from mcp_server.errors import ConfigurationError
from mcp_server.fields import CREDENTIAL_FIELDS, SECRET_FIELDS
from tests.materials import UUID, made

MARK = made("value in the file")
FOLDER = Path(__file__).parent
GOOD = f"""\
# What a model may use.
[archive]
provider = "s3"
aws_access_key_id = {{ env = "ARCHIVE_KEY_ID" }}
aws_secret_access_key = {{ keyring = "archive" }}

[studio]
provider = "s3"
aws_profile = "studio"

[footage]
provider = "gcs"
credentials_json = {{ file = "gcs.json" }}

[review]
provider = "azure"
tenant_id = "{UUID}"
client_id = "{UUID}"
client_secret = {{ command = ["./secret", "--of", "review"] }}

[table_of_its_own]
provider = "gcs"
[table_of_its_own.credentials_json]
keyring = ["vault", "footage"]
"""
S3 = '[archive]\nprovider = "s3"\naws_access_key_id = "x"\n'


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        entries_in(text, FOLDER)
    return str(caught.value)


def s3_secret(source: str) -> str:
    return f"{S3}aws_secret_access_key = {source}\n"


def test_every_kind_of_source_is_known() -> None:
    entries = entries_in(GOOD, FOLDER)
    kinds = {name: {key: source.kind for key, source in entry.sources.items()} for name, entry in entries.items()}
    assert kinds == {
        "archive": {"aws_access_key_id": "env", "aws_secret_access_key": "keyring"},
        "studio": {"aws_profile": "AWS profile"},
        "footage": {"credentials_json": "file"},
        "review": {"tenant_id": "plain text", "client_id": "plain text", "client_secret": "command"},
        "table_of_its_own": {"credentials_json": "keyring"},
    }
    assert {name: entry.provider for name, entry in entries.items()}["review"] == "azure"


def test_a_relative_path_begins_at_the_folder_of_the_file() -> None:
    entries = entries_in(GOOD, FOLDER)
    assert entries["footage"].sources["credentials_json"].place == str(FOLDER / "gcs.json")
    assert entries["review"].sources["client_secret"].place == f"the command {FOLDER / 'secret'}"


def test_a_path_may_begin_at_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    entries = entries_in(s3_secret('{ file = "~/key" }'), FOLDER)
    assert entries["archive"].sources["aws_secret_access_key"].place == str(tmp_path / "key")


def test_a_keyring_item_is_one_of_ours_or_named_whole() -> None:
    ours = entries_in(GOOD, FOLDER)["archive"].sources["aws_secret_access_key"]
    theirs = entries_in(GOOD, FOLDER)["table_of_its_own"].sources["credentials_json"]
    assert ours.place == "the keyring's item archive of the service videovector-connectors"
    assert theirs.place == "the keyring's item footage of the service vault"


def test_an_empty_file_has_no_entries() -> None:
    assert entries_in("# nothing yet\n", FOLDER) == {}


@pytest.mark.parametrize("field", sorted(SECRET_FIELDS))
def test_a_secret_does_not_stand_in_the_file(field: str) -> None:
    provider = next(provider for provider, names in CREDENTIAL_FIELDS.items() if field in names)
    rule = refusal(f'[archive]\nprovider = "{provider}"\n{field} = "{MARK}"\n')
    assert f"archive.{field}: give a source: env, file, keyring or command; a secret does not stand in this" in rule
    assert MARK not in rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (f'provider = "{MARK}"', "provider: must be a table: [provider], and its provider and sources below it."),
        (f'["{MARK}x!"]\n', "(a name): a name is 1 to 64 of A-Z a-z 0-9 _ -."),
        ("[" + "x" * 65 + "]\n", "(a name): a name is"),
        ("[archive]\n", "archive.provider: must be gcs or s3 or azure."),
        (f'[archive]\nprovider = "{MARK}"\n', "archive.provider: must be gcs or s3 or azure."),
        ('[archive]\nprovider = ["s3"]\n', "archive.provider: must be gcs or s3 or azure."),
        ("[[archive]]\n", "archive: must be a table: [archive], and"),
        ('[x]\nprovider = "gcs"\n', "x.credentials_json: is required."),
        (f'{S3}aws_profile = "studio"\n', "archive.aws_access_key_id: cannot go with aws_profile."),
        (f'{S3}aws_sekret = "{MARK}"\n', "archive.aws_sekret: is not known; allowed: provider, aws_access_key_id, aws"),
        (f'{S3}"{MARK}" = "x"\n', "archive.(a key): is not known; allowed: provider"),
        ('[x]\nprovider = "gcs"\naws_profile = "x"\n', "allowed: provider, credentials_json;"),
        ('[x]\nprovider = "s3"\naws_profile = 1\n', "x.aws_profile: must be the name of a profile."),
        (
            '[x]\nprovider = "azure"\ntenant_id = 1\n',
            "x.tenant_id: must be a text or a source: env, file, keyring or c",
        ),
        ('[x]\nprovider = "azure"\ntenant_id = ""\n', "x.tenant_id: must be a text or a source"),
        (s3_secret("1"), "give a source"),
        (s3_secret("{}"), "must have one source: env, file, keyring or command."),
        (s3_secret(f'{{ env = "{MARK}", file = "x" }}'), "aws_secret_access_key: must have one source"),
        (s3_secret(f'{{ vault = "{MARK}" }}'), "must have one source"),
        (s3_secret("{ env = 1 }"), "env: must be the name of an environment variable."),
        (s3_secret(f'{{ env = "A={MARK}" }}'), "env: must be the name of an environment variable."),
        (s3_secret(f'{{ file = "{MARK}\\n" }}'), "file: must be a path."),
        (s3_secret(f'{{ file = "~no-such-user-{MARK}/x" }}'), "file: must be a path."),
        (s3_secret(f'{{ keyring = ["{MARK}"] }}'), "keyring: must be a user name, or a list of service and user name."),
        (s3_secret('{ keyring = ["a", 1] }'), "keyring: must be"),
        (s3_secret('{ keyring = "" }'), "keyring: must be"),
        (s3_secret(f'{{ command = "echo {MARK}" }}'), "command: must be a list of texts, first the program."),
        (s3_secret("{ command = [] }"), "command: must be"),
        (s3_secret('{ command = ["", "x"] }'), "command: must be"),
        (s3_secret(f'{{ command = ["{MARK}", 1] }}'), "command: must be"),
        (s3_secret(f'{{ command = ["{MARK}", "\\u0000"] }}'), "command: must be"),
        (s3_secret(f"{{ command = {['x'] * 65} }}"), "command: must be"),
        (f"[archive]\nprovider = {MARK}\n", "line 2, column "),
        (f'[archive]\nprovider = "s3"\n[archive]\nx = "{MARK}"\n', "line 3, column "),
        (f'[archive]\nprovider = "s3"\nprovider = "{MARK}"\n', "line 3, column "),
        (f"[{MARK}", ": this is not TOML (a key or table may stand twice)."),
        (f"a = {'9' * 10_000}\nb = '{MARK}'", "this is not TOML (a key or table may stand twice)."),
        (f"a = {'[' * 10_000}'{MARK}'", "this is not TOML (a key or table may stand twice)."),
    ],
)
def test_what_is_wrong_is_named_by_its_place_and_rule_and_never_shown(text: str, rule: str) -> None:
    said = refusal(text)
    assert rule in said + ";"
    assert MARK not in said
    assert "\n" not in said


def test_everything_wrong_is_said_at_once() -> None:
    said = refusal('[a]\nprovider = "gcs"\n[b]\nprovider = "azure"\nclient_secret = "x"\n[c]\n')
    places = ("a.credentials_json", "b.tenant_id", "b.client_id", "b.client_secret", "c.provider")
    assert all(place in said for place in places)


def test_no_command_gets_a_variable_that_any_entry_reads() -> None:
    source = entries_in(GOOD, FOLDER)["review"].sources["client_secret"]
    assert isinstance(source, CommandOutput)
    assert source.withheld == {"ARCHIVE_KEY_ID"}


def test_no_entry_prints_what_is_in_it() -> None:
    assert "ARCHIVE" not in repr(entries_in(GOOD, FOLDER))


PIECES = [
    *(*"[]{}=\"'\n.,#\\\0", "'''", "[[", "]]", "\\u", "\\ud800", "\\UFFFFFFFF", "1e999", "nan", "0b2", "\ud800", "é"),
    *("[archive]", "provider", "= 1", "1979-13-45", "00:99:99", "a.b = 1\n", "{ a.b = 1 }", "[" * 300, "a." * 300),
]


@settings(derandomize=True, database=None, max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 30), st.sampled_from(PIECES)), min_size=1, max_size=4)
)
@example([(0, 0, "a = 1\n"), (0, 0, "a.b = 1\n")])
def test_any_file_has_entries_or_an_error_without_its_values(changes: list[tuple[int, int, str]]) -> None:
    text = f"{GOOD}\n[last]\nprovider = 's3'\naws_profile = '{MARK}'\n"
    for start, length, piece in changes:
        text = text[:start] + piece + text[start + length :]
    shown = ""
    try:
        entries_in(text, FOLDER)
    except ConfigurationError as error:
        shown = f"{error} {error!r} {error.__cause__!r}"
    assert MARK not in shown
