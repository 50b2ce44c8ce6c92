"""The compiled loops over pixels, where they could be built."""

from __future__ import annotations

from types import ModuleType


def _load() -> ModuleType | None:
    try:
        from iddkit.raster import _pixels
    except ImportError:  # installed without a compiler
        return None
    return _pixels


#: `iddkit.raster._pixels`, or None: then the twins in NumPy do the same work.
pixels: ModuleType | None = _load()
