"""The process: start-up without garbage collection (what is imported stays), then the command line."""

import gc
import os
import signal
import sys


def _end(*_: object) -> None:
    """End the process: a thread that waits on stdin cannot be cancelled, and every file is whole at any moment."""
    os._exit(0)


def main() -> None:
    """Run the command line of this process and exit with its status; SIGTERM ends a server at once, with status 0."""
    signal.signal(signal.SIGTERM, _end)
    gc.disable()
    from mcp_server.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
