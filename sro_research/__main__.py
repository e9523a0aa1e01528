"""`python -m sro_research` is `sro-research`."""

from __future__ import annotations

import sys

from sro_research.errors import EXIT_STOPPED, STOPPED


def main() -> None:
    """Run the command line, and hear Ctrl-C also while libraries are imported, which takes seconds."""
    try:
        from sro_research.cli import main as command_line
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        sys.exit(EXIT_STOPPED)
    command_line(prog_name="sro-research")


if __name__ == "__main__":
    main()
