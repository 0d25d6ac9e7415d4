"""Profiles of a real shared credentials file, as the AWS tools write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_server.credentials.aws_profiles import AwsProfile
from mcp_server.credentials.sources import Unreadable
from tests.materials import made

pytestmark = pytest.mark.anyio
KEY_ID, SECRET = made("access key", 20), made("secret access key")
KEYS = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
SECTION = f"aws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "aws-credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    return path


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


async def fault_of(profile: str) -> str:
    with pytest.raises(Unreadable) as caught:
        await AwsProfile(profile).read("aws_profile")
    return str(caught.value)


async def test_a_profile_gives_both_keys_and_is_read_at_the_call(file: Path) -> None:
    write(file, f"[default]\nregion = x\n[studio]\n{SECTION}")
    assert await AwsProfile("studio").read("aws_profile") == KEYS
    write(file, f"[studio]\n{SECTION.replace(SECRET, made('rotated'))}")
    assert await AwsProfile("studio").read("aws_profile") == {**KEYS, "aws_secret_access_key": made("rotated")}


async def test_the_file_is_in_the_home_folder_unless_the_environment_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE", raising=False)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(f"[default]\n{SECTION}", encoding="utf-8")
    assert await AwsProfile("default").read("aws_profile") == KEYS
    assert AwsProfile("default").place == "the profile default of ~/.aws/credentials"


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        (f"{SECTION}aws_session_token = {made('token')}\n", "it has aws_session_token, and a connector needs long"),
        ("role_arn = arn:aws:iam::1:role/x\nsource_profile = default\n", "it has role_arn, and"),
        ("sso_start_url = https://x\nsso_account_id = 1\n", "it has sso_account_id, sso_start_url, and"),
        ("credential_process = /usr/bin/x\n", "it has credential_process, and"),
        (f"aws_access_key_id = {KEY_ID}\n", "it has no aws_secret_access_key"),
        ("region = us-east-1\n", "it has no aws_access_key_id and no aws_secret_access_key"),
        (f"aws_access_key_id = {KEY_ID}\naws_secret_access_key =\n    a = b\n", "it has no aws_secret_access_key"),
        (f"aws_access_key_id = {KEY_ID}\naws_secret_access_key =\n", "it is empty"),
    ],
)
async def test_a_profile_without_long_lived_keys_is_a_fault(file: Path, section: str, fault: str) -> None:
    write(file, f"[studio]\n{section}")
    assert (await fault_of("studio")).startswith(fault)


async def test_a_file_or_profile_that_is_not_there_is_a_fault(file: Path) -> None:
    assert await fault_of("studio") == "there is no such file"
    write(file, f"[default]\n{SECTION}")
    assert await fault_of("studio") == "there is no such profile, or the file cannot be read"


async def test_a_file_of_another_format_is_a_fault_without_its_text(file: Path) -> None:
    write(file, f"{SECRET}\n[studio]\n")
    assert await fault_of("studio") == "the file is not in the format of the AWS tools"
    assert "studio" not in repr(AwsProfile("studio"))
