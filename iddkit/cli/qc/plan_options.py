"""Sampling plans as people write them: a line of text, or options."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from iddkit.errors import OptionError, printable

if TYPE_CHECKING:
    from iddkit.qc.acceptance import SamplingPlan

#: The rules that have a name. The thesis (Mishra 2024, section 3.3.2) has QC3 look at a fifth of a batch and QC4 at a
#: tenth; the number that has to be right, 98 %, it gives for QC3 alone.
RULES: Final[dict[str, dict[str, Any]]] = {
    "thesis": {"kind": "fraction", "fraction": "0.2", "pass_rate": "0.98"},
    "qc4": {"kind": "fraction", "fraction": "0.1", "pass_rate": "0.98"},
    "zero-defect": {"kind": "zero-defect", "fraction": "0.2"},
}

_NUMBERS: Final = ("n", "c")
_RATES: Final = ("fraction", "pass_rate", "aql", "rql", "producer_risk", "consumer_risk")
_SEVERITIES: Final = ("critical", "major", "minor")

_FORM: Final = "write a rule (thesis, qc4, zero-defect), 'n=80 c=7', 'aql=1% rql=5%' or 'sequential aql=1% rql=5%'"


def parse_plan(text: str) -> SamplingPlan:
    """Return the plan that a line says: a rule's name, ``n=80 c=7``, ``aql=1% rql=5%``, or the JSON of a plan.

    Words may follow: ``sequential``, ``curtailed``, ``bad-from=minor``, ``producer-risk=0.05``, ``fraction=0.1``.

    Raises
    ------
    OptionError
        It is no plan.
    """
    from iddkit.qc.acceptance import KINDS, SamplingPlan

    if text.lstrip().startswith("{"):
        try:
            return SamplingPlan.from_json(json.loads(text))
        except ValueError as error:
            raise OptionError(f"the plan is not JSON: {error}") from error
    given: dict[str, Any] = {}
    for word in text.replace(",", " ").split():
        name, equals, value = word.partition("=")
        name = name.replace("-", "_")
        if word in RULES:
            given["rule"] = word
        elif word in KINDS:
            given["kind"] = word
        elif word == "curtailed":
            given["curtailed"] = True
        elif equals and name in _NUMBERS and value.isdecimal() and len(value) <= 12:
            given[name] = int(value)
        elif equals and name in (*_RATES, "bad_from"):
            given[name] = value
        else:
            raise OptionError(f"{printable(word, 40)!r} is no part of a plan; {_FORM}")
    plan = make_plan(**given)
    if plan is None:
        raise OptionError(f"{printable(text, 60)!r} is no plan; {_FORM}")
    return plan


def plan_text(values: dict[str, Any]) -> str:
    """Return the JSON of a plan as the line that `parse_plan` reads.

    Examples
    --------
    >>> plan_text({"kind": "fixed", "n": 80, "c": 7, "curtailed": True, "bad_from": "major"})
    'fixed n=80 c=7 bad-from=major curtailed'
    """
    flags = ("kind", "curtailed")
    parts = [str(values["kind"]), *(f"{name.replace('_', '-')}={v}" for name, v in values.items() if name not in flags)]
    return " ".join([*parts, *(["curtailed"] if values.get("curtailed") and values["kind"] != "sequential" else [])])


def make_plan(
    rule: str | None = None, *, kind: str | None = None, curtailed: bool = False, **given: Any
) -> SamplingPlan | None:
    """Return the plan that options say, or None where they say none.

    Raises
    ------
    OptionError
        They contradict each other, or there is no such plan.
    """
    from iddkit.qc.acceptance import SamplingPlan

    values = {name: value for name, value in given.items() if value is not None}
    if rule is None and kind is None and not curtailed and not values:
        return None
    if rule is not None and kind is not None:
        raise OptionError(f"{rule} and {kind} are two plans; say one of them")
    if rule is not None:
        values = {**RULES[rule], **values}
    elif kind is not None:
        values["kind"] = kind
    elif "aql" in values or "rql" in values:
        values["kind"] = "two-point"
    elif "n" in values or "c" in values:
        values["kind"] = "fixed"
    else:
        values["kind"] = "fraction"
    return SamplingPlan(curtailed=curtailed, **values)


_OPTIONS = (
    click.option("--plan", "plan_line", metavar="TEXT", help=f"The plan in a line; {_FORM}."),
    click.option("--rule", type=click.Choice(list(RULES)), help="A rule that has a name."),
    click.option("--n", type=click.IntRange(1), help="Images in the sample."),
    click.option("--c", type=click.IntRange(0), help="How many of them may be bad."),
    click.option("--aql", metavar="P", help="Bad images that are acceptable: 0.01 or 1%."),
    click.option("--rql", metavar="P", help="Bad images that are to be rejected: 0.05 or 5%."),
    click.option(
        "--producer-risk",
        metavar="P",
        help="Of returning a batch at --aql.  [default: 5%]",
    ),
    click.option(
        "--consumer-risk",
        metavar="P",
        help="Of accepting a batch at --rql.  [default: 10%]",
    ),
    click.option("--fraction", metavar="P", help="Part of the batch that is looked at.  [default: by the rule]"),
    click.option("--pass-rate", metavar="P", help="Part of the sample that has to be right.  [default: by the rule]"),
    click.option(
        "--sequential",
        "kind",
        flag_value="sequential",
        help="Look at one image after the other until --aql and --rql decide.",
    ),
    click.option("--curtailed", is_flag=True, help="Stop as soon as the outcome is certain."),
    click.option(
        "--bad-from",
        type=click.Choice(_SEVERITIES),
        help="The least severity that makes an image bad.  [default: major]",
    ),
)


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a plan: the command takes ``plan``, a `SamplingPlan`, or None where nothing was said."""

    @functools.wraps(command)
    def with_plan(*arguments: Any, plan_line: str | None, **named: Any) -> Any:
        names = ("rule", "kind", "curtailed", "bad_from", *_NUMBERS, *_RATES)
        given = {name: named.pop(name) for name in names}
        if plan_line is not None and any(value is not None and value is not False for value in given.values()):
            raise click.UsageError("--plan says it all; no other option of a plan has a place beside it")
        plan = make_plan(**given) if plan_line is None else parse_plan(plan_line)
        return command(*arguments, plan=plan, **named)

    for option in reversed(_OPTIONS):
        with_plan = option(with_plan)
    return with_plan
