"""``python -m iddkit``: the same as ``iddkit``."""

from iddkit.cli import main

if __name__ == "__main__":
    main()
