"""Commands that need more than a plain installation has."""

from __future__ import annotations

import importlib.util

from iddkit.errors import OptionError

#: What training and the use of networks needs.
TRAINING = ("torch", "lightning_fabric")


def require(what: str, *modules: str, extra: str = "train") -> None:
    """Refuse to go on without some modules, and say how they are installed.

    Raises
    ------
    OptionError
        One of them is missing.
    """
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise OptionError(f"{what} needs {' and '.join(missing)}: pip install 'iddkit[{extra}]'")
