"""The command `resnoise`, which `python -m resnoise` is too."""

from __future__ import annotations

import sys

from resnoise.utils.processes import INTERRUPTED


def main() -> None:
    """Run the command line; an interrupt while that is still imported is one line, too."""
    try:
        from resnoise.cli import main as run

        run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
