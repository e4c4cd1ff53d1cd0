"""``python -m cosim``."""

from cosim.cli import command

if __name__ == "__main__":
    command()
