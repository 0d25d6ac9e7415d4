"""The command line: what to run, with which settings. It alone prints, and shows configuration errors."""

from __future__ import annotations

import argparse
import difflib
import gc
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from mcp_server import __version__
from mcp_server.errors import ConfigurationError
from mcp_server.logs import log_to_stderr
from mcp_server.redaction import guarding
from mcp_server.settings import DESCRIPTIONS, GROUPS, SWITCHES, Settings, flag_name, load

if TYPE_CHECKING:
    from mcp_server.demo import Step

USAGE_ERROR = 2
INTERRUPTED = 130
Command = Callable[[Settings, argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    """One help for all commands, made from the tables; errors as ConfigurationError."""

    def format_help(self) -> str:
        lines = [f"usage: videovector-connectors [command] [settings]     (version {__version__})"]
        lines += [f"  {name or '(none)':12}{text}" for name, (text, _) in COMMANDS.items()]
        lines += ["  -h, --help; --version", "settings, also from the environment (VIDEOVECTOR_API_KEY, and so on):"]
        for group, names in GROUPS.items():
            lines += [f"{group}:", *(f"  {flag_name(name):23}{DESCRIPTIONS[name]}" for name in names)]
        return "\n".join([*lines, ""])

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message} (see --help)")


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the process's exit status. A configuration error is one line on stderr and status 2."""
    try:
        options = _parse(arguments)
        given: Mapping[str, str] = vars(options)
        settings = load({name: given[name] for name in DESCRIPTIONS if name in given})
        _, command = COMMANDS[options.command or ""]
        log_to_stderr()
        if command is not _server:
            signal.signal(signal.SIGTERM, _interrupt)
        with guarding(settings.secrets):
            return command(settings, options)
    except ConfigurationError as error:
        print(f"videovector-connectors: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def _flags() -> _Parser:
    """Those of the settings, which every command takes."""
    flags = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for name in DESCRIPTIONS:
        if name in SWITCHES:
            flags.add_argument(flag_name(name), dest=name, action="store_const", const=SWITCHES[name][1])
        else:
            flags.add_argument(flag_name(name), dest=name)
    return flags


def _parser() -> argparse.ArgumentParser:
    flags = _flags()
    parser = _Parser(prog="videovector-connectors", parents=[flags], allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", parser_class=_Parser)
    add_command = partial(commands.add_parser, parents=[flags], allow_abbrev=False, exit_on_error=False)
    add_command("demo")
    add_command("api")
    api_key = add_command("api-key")
    api_key.add_argument("action")
    api_key.add_argument("name", nargs="?", default="")
    api_key.add_argument("--scope", action="append", default=[])
    api_key.add_argument("--tenant", default="local")
    add_command("db").add_argument("action")
    credentials = add_command("credentials")
    credentials.add_argument("action")
    credentials.add_argument("name", nargs="?", default="")
    credentials.add_argument("--provider", default="")
    credentials.add_argument("--replace", action="store_true")
    direction = add_command("schemas").add_mutually_exclusive_group(required=True)
    direction.add_argument("--write", action="store_true")
    direction.add_argument("--check", action="store_true")
    return parser


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    try:
        options, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        # Its message repeats the value, which may be a mistyped setting's secret. So may an unknown word be, below.
        parser.error(f"wrong or missing value of {error.argument_name}")
    if unknown:
        name = unknown[0].split("=")[0][:24]
        near = difflib.get_close_matches(name, [flag_name(each) for each in DESCRIPTIONS], n=1)
        parser.error(f"unknown argument{f', did you mean {near[0]}?' if near else ''}")
    return options


def _interrupt(*_: object) -> None:
    signal.raise_signal(signal.SIGINT)


def _server(settings: Settings, options: argparse.Namespace) -> int:
    return (_stdio if settings.transport == "stdio" else _http)(settings, options)


def _stdio(settings: Settings, _: argparse.Namespace) -> int:
    import anyio

    from mcp_server import bootstrap, transports
    from mcp_server.authority import Authority
    from mcp_server.credentials.listener import open_desk
    from mcp_server.telemetry import export_traces

    async def serve() -> None:
        client = bootstrap.LazyClient(settings)
        async with aclosing(client), open_desk() as desk:
            backing = cache(partial(bootstrap.backing, settings, client.ask, desk))
            await transports.serve_stdio(transports.build_server(backing))

    if settings.credentials_file is not None:
        bootstrap.verify_credentials(settings)
    if settings.tools or settings.exclude_tools:
        Authority.of(settings)
    export_traces()
    gc.enable()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
    if sys.stdin.isatty():
        print("MCP server on stdin and stdout, waiting for a client (Ctrl-D ends; --help explains).", file=sys.stderr)
    anyio.run(serve)
    return 0


def _http(settings: Settings, _: argparse.Namespace) -> int:
    from mcp_server import hosting

    gc.enable()
    hosting.serve_mcp(settings, partial(print, file=sys.stderr, flush=True))
    return 0


def _api(settings: Settings, _: argparse.Namespace) -> int:
    from mcp_server import hosting

    gc.enable()
    hosting.serve_connectors_api(settings, partial(print, flush=True))
    return 0


def _api_key(settings: Settings, options: argparse.Namespace) -> int:
    from mcp_server.embedded import administration

    def needed() -> str:
        if not options.name:
            raise ConfigurationError(f"api-key {options.action}: needs a name")
        return str(options.name)

    acts: Mapping[str, Callable[[], AsyncIterator[str]]] = {
        "create": lambda: administration.create_api_key(settings, needed(), options.scope, options.tenant),
        "list": lambda: administration.list_api_keys(settings),
        "revoke": lambda: administration.revoke_api_key(settings, needed()),
    }
    return _printed("api-key", acts, options.action)


def _database(settings: Settings, options: argparse.Namespace) -> int:
    from mcp_server.embedded import administration

    acts: Mapping[str, Callable[[], AsyncIterator[str]]] = {
        "upgrade": lambda: administration.upgrade_database(settings),
        "rotate-keys": lambda: administration.rotate_keys(settings),
    }
    return _printed("db", acts, options.action)


def _printed(command: str, acts: Mapping[str, Callable[[], AsyncIterator[str]]], action: str) -> int:
    """Print the lines of one act as they come."""
    import anyio

    async def report() -> None:
        async for line in acts[action]():
            print(line, flush=True)

    if action not in acts:
        raise ConfigurationError(f"{command}: must be followed by {', '.join(acts)}")
    gc.enable()
    anyio.run(report)
    return 0


def _credentials(settings: Settings, options: argparse.Namespace) -> int:
    from mcp_server.credentials.administration import Order, carry_out

    order = Order(options.name, options.provider, replace=options.replace)
    failed = False
    for report in carry_out(options.action, settings.credentials_path, order):
        print(report.text)
        failed = failed or report.failed
    return int(failed)


def _schemas(_: Settings, options: argparse.Namespace) -> int:
    from mcp_server import schema_files

    if options.write:
        print(f"{schema_files.write()} files in {schema_files.FOLDER}/")
        return 0
    lines = list(schema_files.drift())
    print("".join(lines), end="")
    return 1 if lines else 0


def _demo(_: Settings, __: argparse.Namespace) -> int:
    import anyio

    from mcp_server import demo

    gc.enable()
    return anyio.run(_show, demo.story)


async def _show(story: Callable[[Callable[[Step], None]], Awaitable[None]]) -> int:
    """Print each call and what the model would see of it; the status is 1 when a call failed."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    console.print("A local S3 emulator, this server over stdio, an MCP client. The model would see:\n", style="bold")
    failures: list[Step] = []

    def show(step: Step) -> None:
        failures.extend([step] if step.failed else [])
        console.print(f"[bold cyan]{step.tool}[/] [dim]{escape(json.dumps(step.arguments))}[/]")
        console.print(step.text + "\n", style="red" if step.failed else "green", markup=False)

    await story(show)
    return int(bool(failures))


COMMANDS: Mapping[str, tuple[str, Command]] = MappingProxyType(
    {
        "": ("the MCP server: over stdio, or over HTTP with --transport", _server),
        "demo": ("create, test, browse, change and delete a connector, and show it", _demo),
        "api": ("serve the embedded Connectors API over HTTP", _api),
        "api-key": ("create NAME (--scope, --tenant), list, revoke NAME", _api_key),
        "db": ("upgrade the API's database, or rotate-keys", _database),
        "credentials": ("add NAME (--provider, --replace), list, remove NAME, check [NAME]", _credentials),
        "schemas": ("--write or --check the tool_schemas folder", _schemas),
    }
)
