"""``python -m statfe_cli``."""

from statfe_cli.main import run

if __name__ == "__main__":
    run()
