"""What commands print with ``--json``."""

from __future__ import annotations

import math


def finite(value: float) -> float | None:
    """Return a number for JSON, which has none for NaN and infinity: null stands for both."""
    return float(value) if math.isfinite(value) else None
