"""The versions that decide about pixels and bytes."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import iddkit

#: Packages whose release can change a pixel or a byte of what iddkit writes.
_PACKAGES = ("pillow", "numpy", "opencv-python-headless", "zlib-ng", "msgspec", "defusedxml", "pycocotools")


def pixel_versions() -> dict[str, str]:
    """Return name to version of iddkit and of each package that decides about pixels; manifests hold them."""
    found = {"iddkit": iddkit.__version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # opencv comes under several names
            found[package] = "not found under this name"
    return found
