"""Profiles of the shared credentials file that the AWS tools read; only long-lived keys serve a connector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcp_server.credentials.sources import Source, Unreadable, patiently, usable
from mcp_server.fields import CREDENTIAL_FIELDS
from mcp_server.settings import variable

_DEFAULT_FILE = "~/.aws/credentials"
_NOT_STATIC = ("aws_session_token", "aws_security_token", "credential_process", "role_arn", "web_identity_token_file")


def _file() -> str:
    return variable("AWS_SHARED_CREDENTIALS_FILE") or _DEFAULT_FILE


@dataclass(frozen=True, repr=False)
class AwsProfile(Source):
    """One profile: access key id and secret access key at once."""

    kind = "AWS profile"
    profile: str

    @property
    def place(self) -> str:
        return f"the profile {self.profile} of {_file()}"

    async def given(self, field: str) -> dict[str, str]:
        options = await patiently(self._options)
        unfit = sorted(name for name in options if name in _NOT_STATIC or name.startswith("sso_"))
        if unfit:
            raise Unreadable(f"it has {', '.join(unfit)}, and a connector needs long-lived keys")
        missing = [name for name in CREDENTIAL_FIELDS["s3"] if not isinstance(options.get(name), str)]
        if missing:
            raise Unreadable(f"it has no {' and no '.join(missing)}")
        return {name: usable(str(options[name]).encode()) for name in CREDENTIAL_FIELDS["s3"]}

    def _options(self) -> Mapping[str, object]:
        from botocore.configloader import raw_config_parse
        from botocore.exceptions import ConfigNotFound, ConfigParseError

        try:
            options: Mapping[str, object] | None = raw_config_parse(_file()).get(self.profile)
        except ConfigNotFound:
            raise Unreadable("there is no such file") from None
        except ConfigParseError:
            raise Unreadable("the file is not in the format of the AWS tools") from None
        if options is None:
            raise Unreadable("there is no such profile, or the file cannot be read")
        return options
