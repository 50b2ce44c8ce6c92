"""The versions that decide about pixels and bytes."""

from __future__ import annotations

from functools import lru_cache

import iddkit

#: Packages whose release can change a pixel or a byte of what iddkit writes.
_PACKAGES = ("pillow", "numpy", "opencv-python-headless", "zlib-ng", "msgspec", "defusedxml", "pycocotools")


@lru_cache(maxsize=1)
def made_by() -> str:
    """Return the versions that decide about the pixels and bytes of label images, in a line."""
    versions = pixel_versions()
    return ", ".join(f"{name} {versions[name]}" for name in ("iddkit", "pillow", "numpy", "zlib-ng"))


def pixel_versions() -> dict[str, str]:
    """Return name to version of iddkit and of each package that decides about pixels."""
    from importlib.metadata import PackageNotFoundError, version  # as slow to load as all label maps

    found = {"iddkit": iddkit.__version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # opencv comes under several names
            found[package] = "not found under this name"
    return found
