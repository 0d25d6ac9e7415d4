"""The nouns that answers are made of. They are allow-lists: what they do not name, an answer cannot carry.

No requests here, and no field that could hold a credential.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Resource(BaseModel):
    """A part of an answer; unknown fields of the API are dropped."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True, hide_input_in_errors=True)


class Connector(Resource):
    """One configured access to a bucket or container; what does not apply to its provider is None."""

    connector_id: str
    name: str
    provider: str = Field(description="gcs, s3 or azure")
    status: str = Field(description="active, testing, failed or disabled")
    scopes: list[str] = ["import"]
    import_mode: str = "all"
    export_base_path: str | None = None
    bucket: str | None = None
    region: str | None = None
    storage_account: str | None = None
    container: str | None = None
    gcp_project_id: str | None = None
    created_at: str | None = Field(default=None, description="ISO 8601, UTC")
    updated_at: str | None = Field(default=None, description="ISO 8601, UTC")
    last_tested_at: str | None = Field(default=None, description="ISO 8601, UTC; absent if never tested")
    last_test_result: str | None = Field(default=None, description="success or failure")
    last_test_error: str | None = None


class CloudFile(Resource):
    """One object of the storage; `path` is its whole key, `extension` lower case with its dot, or empty."""

    path: str
    name: str
    size_bytes: int = Field(ge=0)
    last_modified: str = Field(description="ISO 8601, UTC")
    content_type: str | None = None
    extension: str = ""


OTHER = "other"
"""In totals, all extensions that are not named."""


class Totals(Resource):
    """Of all files that were found, whatever page of them is shown."""

    files: int = Field(ge=0)
    bytes: int = Field(ge=0)
    extensions: dict[str, int] = Field(
        default={},
        max_length=11,
        description='how many files have each extension, the most frequent first: at most 10, the rest as "other"',
    )
    newest: str | None = Field(default=None, description="ISO 8601, UTC; absent if there are no files")
    oldest: str | None = Field(default=None, description="ISO 8601, UTC; absent if there are no files")


class FilePage(Resource):
    """A page of a listing; `totals`, where they are known, are those of the whole, and `next_cursor` leads on."""

    files: list[CloudFile]
    totals: Totals | None = None
    next_cursor: str | None = None


class TestResult(Resource):
    """What a test of the access found; `checked` lists the steps that passed (embedded API only)."""

    __test__ = False

    success: bool
    error_message: str | None = None
    checked: list[str] = []


class Deletion(Resource):
    """The API's confirmation."""

    message: str
