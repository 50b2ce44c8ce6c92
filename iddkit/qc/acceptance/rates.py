"""Rates and risks as the decimals that were written: 0.98 is 98/100, not the binary number next to it."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from iddkit.errors import OptionError, shown

#: What a rate may be given as: 0.02, "0.02", "2%", "1/50" and Fraction(1, 50) are the same.
Rate = Fraction | int | float | str

# No exponents, which could ask for numbers of a billion digits.
_WRITTEN = re.compile(r"(\d{1,12}(?:\.\d{1,12}|/0*[1-9]\d{0,11})?)\s*(%?)", flags=re.ASCII)


def parse_rate(value: Rate, name: str = "the rate") -> Fraction:
    """Return a rate exactly as it was written.

    Parameters
    ----------
    value
        A number from 0 to 1. A float stands for the shortest decimal that names it.
    name
        What it is, for the message.

    Raises
    ------
    OptionError
        It is no number, or below 0 or above 1.

    Examples
    --------
    >>> parse_rate(0.98) == parse_rate("98%") == parse_rate("49/50")
    True
    """
    rate = _read(value)
    if rate is None or not 0 <= rate <= 1:
        raise OptionError(f"{name} is {shown(value)}, not a number from 0 to 1")
    return rate


def show_rate(rate: Fraction) -> str:
    """Return a rate as text that `parse_rate` reads back: a decimal where there is a finite one.

    Examples
    --------
    >>> show_rate(Fraction(1, 50)), show_rate(Fraction(1, 3))
    ('0.02', '1/3')
    """
    for digits in range(13):
        scaled = rate * 10**digits
        if scaled.denominator == 1:
            whole, part = divmod(scaled.numerator, 10**digits)
            return f"{whole}.{part:0{digits}d}" if digits else str(whole)
    return f"{rate.numerator}/{rate.denominator}"


def _read(value: Rate) -> Fraction | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Fraction | int):
        return Fraction(value)
    if isinstance(value, float):
        return Fraction(repr(value)) if math.isfinite(value) else None
    found = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    return Fraction(found[1]) / (100 if found[2] else 1)
