"""`python -m resnoise` is the command `resnoise`."""

from resnoise.cli import main

if __name__ == "__main__":
    main()
