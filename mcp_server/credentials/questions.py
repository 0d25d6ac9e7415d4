"""Questions to the person at the terminal, secrets without echo; a script pipes its answers, one a line.

Prompts are written here and nothing else is.
"""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Callable
from typing import TypeVar

from mcp_server.credentials.entries import BrokenRule
from mcp_server.errors import ConfigurationError

TRIES = 3
AnswerT = TypeVar("AnswerT")


def answer(question: str, accept: Callable[[str], AnswerT], *, secret: bool = False) -> AnswerT:
    """What `accept` makes of the answer; a person is asked again, three times in all, when it raises BrokenRule.

    Raises ConfigurationError, which holds no answer.
    """
    at_terminal = sys.stdin.isatty()
    prompt, rule = f"{question}: ", ""
    for _ in range(TRIES if at_terminal else 1):
        try:
            text = _typed(prompt, secret=secret) if at_terminal else sys.stdin.readline()
            return accept(text.strip())
        except UnicodeDecodeError:
            rule = "must be UTF-8"
        except BrokenRule as broken:
            rule = str(broken)
        prompt = f"  {rule}\n{question}: "
    raise ConfigurationError(f"{question}: {rule}")


def _typed(prompt: str, *, secret: bool) -> str:
    if secret:
        return _hidden(prompt)
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return sys.stdin.readline()


def _hidden(prompt: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning:
            raise ConfigurationError("This terminal would show what is typed: pipe the answers, one a line.") from None
        except EOFError:
            return ""
