"""Sampling plans: how many images of a batch are looked at, and how many of them may be bad."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Final

from iddkit.errors import OptionError, printable, shown
from iddkit.qc.acceptance.find import find_two_point
from iddkit.qc.acceptance.rates import Rate, parse_rate, show_rate
from iddkit.qc.acceptance.sequential import Lines, find_lines

#: Severities of a finding, the worst first.
SEVERITIES: Final = ("critical", "major", "minor")

_TWO_LEVELS: Final = {"aql": None, "rql": None, "producer_risk": Fraction(5, 100), "consumer_risk": Fraction(10, 100)}

#: Kind of plan to its parameters and what they are unless said otherwise; None has to be said.
#:
#: ``fraction``
#:     The rule of the IDD thesis: look at a fifth of the batch; 98 % of these have to be good.
#: ``zero-defect``
#:     The same fraction, none of it bad.
#: ``fixed``
#:     n and c themselves.
#: ``two-point``
#:     The smallest n that keeps a promise to either side (`find_two_point`).
#: ``sequential``
#:     As few looks as the images allow, for the same two promises (`find_lines`).
KINDS: Final[Mapping[str, Mapping[str, Fraction | None]]] = {
    "fraction": {"fraction": Fraction(20, 100), "pass_rate": Fraction(98, 100)},
    "zero-defect": {"fraction": Fraction(20, 100)},
    "fixed": {"n": None, "c": None},
    "two-point": _TWO_LEVELS,
    "sequential": _TWO_LEVELS,
}

_NUMBERS: Final = ("n", "c")
_RATES: Final = ("fraction", "pass_rate", "aql", "rql", "producer_risk", "consumer_risk")


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """A rule by which batches are accepted or rejected, whatever their size.

    Rates are kept as the decimals that were written: ``SamplingPlan("fraction", pass_rate=0.98)`` asks for 98/100.

    Attributes
    ----------
    kind
        One of `KINDS`.
    fraction
        Of the batch that is looked at (``fraction``, ``zero-defect``), rounded up to whole images.
    pass_rate
        Of the sample that has to be good (``fraction``), rounded up to whole images.
    n, c
        Images in the sample, and how many of them may be bad (``fixed``).
    aql, rql
        The acceptable and the rejectable quality level, as fractions of bad images (``two-point``, ``sequential``).
    producer_risk, consumer_risk
        Largest probability of refusing a batch at the acceptable level and of accepting one at the rejectable level.
    curtailed
        Stop looking as soon as the outcome is certain. A sequential plan always does.
    bad_from
        The least severity of a finding that makes an image bad, one of `SEVERITIES`.

    Raises
    ------
    OptionError
        There is no such plan: a parameter is missing, is none of its kind's, or has an impossible value.

    Examples
    --------
    >>> thesis = SamplingPlan("fraction")
    >>> [(r.n, r.c) for r in map(thesis.resolve, (200, 245, 246, 1000))]
    [(40, 0), (49, 0), (50, 1), (200, 4)]
    >>> promise = SamplingPlan("two-point", aql="1%", rql="5%")
    >>> promise.resolve(1000).n, promise.resolve(1000).c
    (128, 3)
    """

    kind: str
    fraction: Rate | None = None
    pass_rate: Rate | None = None
    n: int | None = None
    c: int | None = None
    aql: Rate | None = None
    rql: Rate | None = None
    producer_risk: Rate | None = None
    consumer_risk: Rate | None = None
    curtailed: bool = False
    bad_from: str = "major"

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in KINDS:
            raise OptionError(f"no kind of plan {shown(self.kind)}; known: {', '.join(KINDS)}")
        if self.bad_from not in SEVERITIES:
            raise OptionError(f"no severity {shown(self.bad_from)}; known: {', '.join(SEVERITIES)}")
        if not isinstance(self.curtailed, bool):
            raise OptionError(f"curtailed is {shown(self.curtailed)}, neither true nor false")
        taken = KINDS[self.kind]
        for name in (*_NUMBERS, *_RATES):
            value = getattr(self, name)
            if name not in taken:
                if value is not None:
                    raise OptionError(f"a {self.kind} plan takes no {_in_words(name)}; it takes {_listed(taken)}")
                continue
            if value is None:
                value = taken[name]
            if value is None:
                raise OptionError(f"a {self.kind} plan needs {_listed(taken)}; {_in_words(name)} is missing")
            object.__setattr__(self, name, _whole(value, name) if name in _NUMBERS else _rate(value, name))
        self._check()
        if self.kind == "sequential":
            object.__setattr__(self, "curtailed", True)

    def _check(self) -> None:
        """Refuse values that contradict each other."""
        if self.n is not None and self.c is not None and not 0 <= self.c < self.n:
            raise OptionError(f"{self.c} bad images allowed among {self.n}: n has to be above c, and c not below 0")
        if self.aql is None:
            return
        if not self.rate("aql") < self.rate("rql"):
            raise OptionError(f"the AQL ({show_rate(self.rate('aql'))}) has to be below the RQL ({self._show('rql')})")
        least = Fraction(1, 10**6)
        if min(self.rate("producer_risk"), self.rate("consumer_risk")) < least:
            raise OptionError(f"a risk below {show_rate(least)} asks for a certainty that no sample gives")
        if not self.rate("producer_risk") + self.rate("consumer_risk") < 1:
            raise OptionError("the two risks have to add up to less than 1; a coin would keep them without a sample")

    def rate(self, name: str) -> Fraction:
        """Return a rate of this plan, by the name of its attribute."""
        value = getattr(self, name)
        if not isinstance(value, Fraction):
            raise OptionError(f"a {self.kind} plan has no {_in_words(name)}")
        return value

    def _show(self, name: str) -> str:
        return show_rate(self.rate(name))

    def makes_bad(self, severity: str) -> bool:
        """Return whether a finding of this severity makes an image bad.

        Raises
        ------
        OptionError
            There is no such severity.
        """
        if severity not in SEVERITIES:
            raise OptionError(f"no severity {shown(severity)}; known: {', '.join(SEVERITIES)}")
        return SEVERITIES.index(severity) <= SEVERITIES.index(self.bad_from)

    def resolve(self, size: int | None) -> ResolvedPlan:
        """Return n and c for a batch of `size` images, or for a lot without end (None).

        Raises
        ------
        OptionError
            There is no such batch, it is smaller than a fixed sample, or a fraction of it has no end.
        """
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise OptionError(f"a batch of {shown(size)} images cannot be sampled")
        if self.kind == "sequential":
            lines = find_lines(size, *map(self.rate, _TWO_LEVELS))
            return ResolvedPlan(self, size, lines.n, lines.accept[-1], lines)
        if self.kind == "two-point":
            return ResolvedPlan(self, size, *find_two_point(size, *map(self.rate, _TWO_LEVELS)))
        if self.n is not None and self.c is not None:
            if size is not None and self.n > size:
                raise OptionError(f"a sample of {self.n} images cannot be drawn from a batch of {size}")
            return ResolvedPlan(self, size, self.n, self.c)
        if size is None:
            raise OptionError(f"a {self.kind} plan needs the size of the batch")
        n = math.ceil(self.rate("fraction") * size)
        return ResolvedPlan(self, size, n, n - math.ceil(self.rate("pass_rate") * n) if self.pass_rate else 0)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values: all its parameters, rates as decimals in text.

        Examples
        --------
        >>> SamplingPlan("zero-defect", fraction=0.1).to_json()
        {'kind': 'zero-defect', 'fraction': '0.1', 'curtailed': False, 'bad_from': 'major'}
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: show_rate(value) if isinstance(value, Fraction) else value
            for name, value in values.items()
            if value is not None
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SamplingPlan:
        """Return the plan that `to_json` wrote.

        Raises
        ------
        OptionError
            It is no plan: an unknown key, or what the constructor refuses.
        """
        known = [field.name for field in fields(cls)]
        if not isinstance(values, Mapping):
            raise OptionError(f"{shown(values)} is no sampling plan")
        for name in values:
            if name not in known:
                raise OptionError(f"a plan has no {printable(str(name), 40)}; it has {', '.join(known)}")
        if "kind" not in values:
            raise OptionError(f"a plan needs its kind, one of {', '.join(KINDS)}")
        return cls(**values)


@dataclass(frozen=True, slots=True)
class ResolvedPlan:
    """A plan for the batch of one size.

    Attributes
    ----------
    plan
        The rule.
    size
        Images in the batch; None for a lot without end.
    n
        Images in the sample: the most that are looked at.
    c
        How many bad ones among all n are accepted.
    lines
        Where a sequential plan stops; None for the others.
    """

    plan: SamplingPlan
    size: int | None
    n: int
    c: int
    lines: Lines | None = None

    @property
    def stops_early(self) -> bool:
        """Whether fewer than n images may decide."""
        return self.lines is not None or self.plan.curtailed

    def acceptance_number(self, look: int) -> int:
        """Return how many bad images among the first `look` accept the batch there and then; -1 if no number does."""
        if self.lines is not None:
            return self.lines.accept[look]
        if look < self.n and not self.plan.curtailed:
            return -1
        return max(-1, self.c - (self.n - look))

    def rejection_number(self, look: int) -> int:
        """Return from how many bad images among the first `look` on the batch is rejected there and then.

        A number above `look` if it cannot be yet.
        """
        if self.lines is not None:
            return self.lines.reject[look]
        return self.c + 1 if look == self.n or self.plan.curtailed else look + 1


def _whole(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise OptionError(f"{name} is {shown(value)}, not a whole number from 0 up")
    return value


def _rate(value: Rate, name: str) -> Fraction:
    rate = parse_rate(value, f"the {_in_words(name)}")
    # Nothing to look at, nothing that has to be good, or a promise that allows nothing or everything.
    if rate == 0 and name != "aql":
        raise OptionError(f"the {_in_words(name)} has to be above 0")
    if rate == 1 and name in ("producer_risk", "consumer_risk"):
        raise OptionError(f"the {_in_words(name)} has to be below 1")
    return rate


def _in_words(name: str) -> str:
    return name.upper() if name in ("aql", "rql") else name.replace("_", " ")


def _listed(taken: Mapping[str, Any]) -> str:
    return ", ".join(map(_in_words, taken))
