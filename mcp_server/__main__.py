"""The process: start-up without garbage collection (what is imported stays), then the command line."""

import gc
import sys


def main() -> None:
    """Run the command line of this process and exit with its status."""
    gc.disable()
    from mcp_server.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
