"""A page opened in a browser: a program of the test's, which $BROWSER names and the launcher of Python starts."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult, ErrorData

from mcp_server import elicitation
from mcp_server.credentials import browser
from mcp_server.credentials.listener import open_desk
from mcp_server.reception import Reception
from mcp_server.transports import build_server
from tests.answering import TYPED, Answering, without_secrets
from tests.emulators.s3 import S3Emulator
from tests.materials import API_KEY, CONNECTOR, Json, made
from tests.sessions import DATA_DIR, ERAS, Lines, connected, modern, speaking
from tests.tool_calls import backed, data_of, error_of
from tests.visiting import link_in, visiting

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(os.name == "nt", reason="there the launcher knows no $BROWSER")]

URL = f"http://127.0.0.1:9/c/{made('token', 43)}"
TOOL = "create_s3_connector"
KNOWN = without_secrets(TOOL)
PROGRAM = """\
import html, json, os, re, stat, sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

print("A browser says a lot.", flush=True)
print("And it warns too.", file=sys.stderr, flush=True)
page = Path(unquote(urlsplit(sys.argv[1]).path))
text = page.read_text(encoding="utf-8")
link = html.unescape(re.search('url=([^"]+)"', text)[1])
modes = [stat.S_IMODE(each.stat().st_mode) for each in (page.parent, page)]
seen = dict(arguments=sys.argv[1:], page=str(page), link=link, modes=modes, environment=dict(os.environ))
folder = Path(__file__).parent
(folder / "seen.json").write_text(json.dumps(seen), encoding="utf-8")
if (folder / "sends").exists():
    import httpx
    with httpx.Client(trust_env=False, timeout=60) as http:
        proof = re.search(r'name="page\\.proof" value="(\\w+)"', http.get(link).text)[1]
        form = {"page.proof": proof, **json.loads((folder / "sends").read_text(encoding="utf-8"))}
        parts = {name: (None, value) for name, value in form.items()}
        headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        http.post(link, files=parts, headers=headers).raise_for_status()
"""


@dataclass(frozen=True)
class Browser:
    """What the program has seen, in its folder."""

    folder: Path

    @property
    def command(self) -> str:
        return f'"{sys.executable}" "{self.folder / "browser.py"}" %s'

    @property
    def seen(self) -> Json:
        report: Json = json.loads((self.folder / "seen.json").read_text(encoding="utf-8"))
        return report

    @property
    def page(self) -> Path:
        """The file that it was told to open."""
        return Path(self.seen["page"])

    def sends(self, fields: Mapping[str, str]) -> None:
        """From now on it sends the form of the page too."""
        (self.folder / "sends").write_text(json.dumps(fields), encoding="utf-8")


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """The browser of whoever runs this."""
    (tmp_path / "browser.py").write_text(PROGRAM, encoding="utf-8")
    one = Browser(tmp_path)
    monkeypatch.setenv("BROWSER", one.command)
    return one


@pytest.fixture
def none_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a browser."""
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


# ---- the file ----------------------------------------------------------------------------------------------------


async def test_the_browser_gets_a_file_that_leads_to_the_link_and_is_gone_afterwards(chosen: Browser) -> None:
    async with browser.shown(URL):
        assert chosen.seen["link"] == URL
        assert chosen.page.exists()
    assert not chosen.page.parent.exists()


async def test_only_its_owner_can_come_to_the_file(chosen: Browser) -> None:
    async with browser.shown(URL):
        assert chosen.seen["modes"][0] == 0o700


async def test_the_link_is_in_no_argument_of_a_process_and_in_no_environment(chosen: Browser) -> None:
    async with browser.shown(URL):
        assert URL[-43:] not in json.dumps([chosen.seen["arguments"], chosen.seen["environment"]])


async def test_the_browser_is_not_given_the_servers_own_secrets(
    chosen: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEOVECTOR_API_KEY", API_KEY)
    async with browser.shown(URL):
        assert API_KEY not in chosen.seen["environment"].values()


async def test_the_browser_is_not_given_what_named_credentials_are_read_from(
    chosen: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHIVE_SECRET", "of the archive")
    async with browser.shown(URL, {"ARCHIVE_SECRET"}):
        assert "ARCHIVE_SECRET" not in chosen.seen["environment"]


async def test_what_lies_in_the_working_folder_is_not_run(
    chosen: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cloned"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("webbrowser", "shlex"):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w').close()\n", encoding="utf-8")
    async with browser.shown(URL):
        assert not (tmp_path / "run").exists()
        assert chosen.seen["link"] == URL


async def test_the_file_is_gone_when_the_call_fails(chosen: Browser) -> None:
    with pytest.raises(LookupError):
        async with browser.shown(URL):
            raise LookupError
    assert not chosen.page.parent.exists()


async def test_nothing_that_a_browser_prints_is_seen(chosen: Browser, capfd: pytest.CaptureFixture[str]) -> None:
    async with browser.shown(URL):
        assert chosen.seen["link"] == URL
    assert capfd.readouterr() == ("", "")


# ---- no browser --------------------------------------------------------------------------------------------------


async def test_where_there_is_no_browser_a_line_of_the_log_says_so(
    none_chosen: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with browser.shown(URL):
            """The link is told all the same."""
    assert "The browser could not be opened" in caplog.text
    assert URL[-43:] not in caplog.text


@pytest.mark.parametrize(
    ("program", "seconds", "reason"),
    [
        ("/no/such/program", 10.0, "FileNotFoundError"),
        ("false", 10.0, "CalledProcessError"),
        (sys.executable, 0.0, "TimeoutError"),
    ],
)
async def test_a_launcher_that_fails_is_a_line_in_the_log_without_the_link(
    program: str, seconds: float, reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(browser, "OPENING_SECONDS", seconds)
    monkeypatch.setattr(sys, "executable", program)
    with caplog.at_level(logging.WARNING):
        async with browser.shown(URL):
            """The link is told all the same."""
    assert f"The browser could not be opened: {reason}" in caplog.text
    assert URL[-43:] not in caplog.text


# ---- a server that opens it --------------------------------------------------------------------------------------


@pytest.fixture
def opening(tmp_path: Path, chosen: Browser, s3_emulator: S3Emulator) -> Mapping[str, str]:
    """The settings of a server that opens the browser of a person who sends the right credentials."""
    chosen.sends({name: s3_emulator.arguments()[name] for name in TYPED["s3"]})
    data = {DATA_DIR: str(tmp_path / "data"), "VIDEOVECTOR_OPEN_BROWSER": "yes", "BROWSER": chosen.command}
    return {**s3_emulator.settings, **data}


@pytest.fixture
def known(s3_emulator: S3Emulator) -> Json:
    """The arguments of a creation as a model knows them."""
    return {name: value for name, value in s3_emulator.arguments().items() if name not in TYPED["s3"]}


async def test_a_server_that_opens_the_page_has_the_result_in_the_same_call(
    era: str, opening: Mapping[str, str], known: Json, s3_emulator: S3Emulator
) -> None:
    async with connected(era, opening) as session:
        created = await session.call(TOOL, **known)
        assert created["last_test_result"] == "success"
        assert (await session.call("list_connectors"))["total"] == 1
        assert s3_emulator.administrator.secret not in str(created)


@pytest.mark.parametrize("params", [None, modern()])
def test_nothing_but_messages_is_on_the_stdout_of_a_server_whose_browser_prints(
    params: Json | None, opening: Mapping[str, str], known: Json, tmp_path: Path
) -> None:
    with speaking(opening, tmp_path) as lines:
        call = {"name": TOOL, "arguments": known}
        if params is None:
            lines.initialize()
        result = lines.ask("tools/call", call if params is None else modern(call))["result"]
        assert not result.get("isError"), result
        assert lines.end() == 0
        _only_messages(lines)


def _only_messages(lines: Lines) -> None:
    assert {json.loads(line)["jsonrpc"] for line in lines.heard.splitlines()} == {"2.0"}
    assert "A browser says" not in lines.errors.read_text(encoding="utf-8")


@asynccontextmanager
async def in_process(era: str, api: Answering, answers: list[str] | None = None) -> AsyncGenerator[Client]:
    """A client of a server in this process that opens browsers; with `answers` it tries to show links and cannot."""

    async def failing(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        asked.append(params.message)
        return ErrorData(code=-32000, message="It cannot be shown.")

    asked = [] if answers is None else answers
    async with open_desk() as desk:
        backing = backed(api, reception=Reception(desk, open_browser=True))
        callback = None if answers is None else failing
        async with Client(build_server(lambda: backing), mode=era, elicitation_callback=callback) as client:
            yield client


async def test_the_link_still_comes_where_there_is_no_browser(
    era: str, none_chosen: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elicitation, "ROUND_SECONDS", 0.0)
    async with in_process(era, Answering()) as client:
        text = error_of(await client.call_tool(TOOL, KNOWN))
        async with visiting(link_in(text)) as visit:
            assert visit.status == 200


async def test_a_page_is_opened_by_the_first_call_only(
    era: str, chosen: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elicitation, "ROUND_SECONDS", 0.0)
    async with in_process(era, Answering()) as client:
        link = link_in(error_of(await client.call_tool(TOOL, KNOWN)))
        assert chosen.seen["link"] == link
        (chosen.folder / "seen.json").unlink()
        assert link_in(error_of(await client.call_tool(TOOL, KNOWN))) == link
    assert not (chosen.folder / "seen.json").exists()


async def test_a_client_that_cannot_show_the_link_is_not_asked_to_once_more(chosen: Browser) -> None:
    chosen.sends(TYPED["s3"])
    asked: list[str] = []
    async with in_process(ERAS[0], Answering(), asked) as client:
        result = await client.call_tool(TOOL, KNOWN)
    assert data_of(result)["connector_id"] == CONNECTOR["connector_id"]
    assert len(asked) == 1


async def test_a_client_that_shows_the_link_needs_no_browser_of_ours(chosen: Browser) -> None:
    async def declining(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="decline")

    async with open_desk() as desk:
        backing = replace(backed(Answering()), reception=Reception(desk, open_browser=True))
        for era in ERAS:
            async with Client(build_server(lambda: backing), mode=era, elicitation_callback=declining) as client:
                assert "code: declined" in error_of(await client.call_tool(TOOL, KNOWN))
    assert not (chosen.folder / "seen.json").exists()
