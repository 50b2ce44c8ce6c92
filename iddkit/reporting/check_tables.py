"""Tables of what `iddkit check` found, and of the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from iddkit.checks import RULES, Report
from iddkit.checks.baseline import fingerprint
from iddkit.checks.mend import Change
from iddkit.reporting.tables import Cell, Column, Table
from iddkit.severity import Severity


def rule_table() -> Table:
    """Return a row a rule: name, what it looks at, how bad its findings are at most, whether some can be mended."""
    columns = (Column("rule"), Column("of"), Column("severity"), Column("mend"), Column("finds"))
    rows = tuple(
        (name, str(rule.scope), str(rule.severity), "yes" if rule.mends else "", summary(name))
        for name, rule in RULES.items()
    )
    return Table(columns, rows)


def summary(rule: str) -> str:
    """Return the first sentence of a rule's help, without the word 'find'.

    Examples
    --------
    >>> summary("self-crossing")
    'an outline that crosses itself'
    """
    return RULES[rule].help.partition("\n")[0].removeprefix("Find ").removesuffix(".")


def count_table(report: Report) -> Table:
    """Return a row a rule that found something: findings by severity, in how many frames, and how many have a mend."""
    counts: Counter[tuple[str, Severity]] = Counter()
    places: dict[str, set[str]] = {}
    mends: Counter[str] = Counter()
    for key, finding in report.findings:
        counts[finding.rule, finding.severity] += 1
        places.setdefault(finding.rule, set()).add(key)
        mends[finding.rule] += finding.mend is not None
    columns = (Column("rule"), *(Column(str(severity)) for severity in Severity), Column("frames"), Column("mends"))
    rows = tuple(
        (rule, *(counts[rule, severity] or None for severity in Severity), len(places[rule]), mends[rule] or None)
        for rule in RULES
        if rule in places
    )
    return Table(columns, rows)


def finding_table(report: Report) -> Table:
    """Return a row a finding: frame or drive, file, severity, rule, object, box, what was found, mend, fingerprint."""
    files = {frame.key: frame.annotation.as_posix() for frame in report.frames}
    box = ("x", "y", "width", "height")
    columns = (
        *(Column(name) for name in ("frame", "file", "severity", "rule", "object", *box, "text", "mend")),
        Column("fingerprint"),
    )
    rows: list[tuple[Cell, ...]] = []
    for key, one in report.findings:
        region = one.region or (None,) * 4
        mend = "" if one.mend is None else one.mend.text
        found = (str(one.severity), one.rule, one.object, *region, one.text, mend, fingerprint(key, one))
        rows.append((key, files.get(key, ""), *found))
    return Table(columns, tuple(rows))


def gap_table(report: Report) -> Table:
    """Return a row a gap: frame, box, area, place, width."""
    columns = tuple(
        Column(name) for name in ("frame", "x", "y", "width", "height", "area px", "place x", "place y", "widest px")
    )
    rows = tuple(
        (frame.key, *gap.region, gap.area, *gap.place, gap.width) for frame in report.frames for gap in frame.gaps
    )
    return Table(columns, rows)


def ledger_table(report: Report) -> Table:
    """Return a row a frame, and one of all: objects in the file, drawn, hidden, and dropped by reason."""
    total = report.ledger
    reasons = sorted(total.dropped)
    columns = (
        Column("frame"),
        *(Column(name) for name in ("objects", "drawn", "hidden")),
        *(Column(reason, group="dropped") for reason in reasons),
    )
    ledgers = [(frame.key, frame.ledger) for frame in report.frames if frame.ledger is not None]
    rows: list[tuple[Cell, ...]] = []
    for key, one in [*ledgers, ("all", total)]:
        rows.append((key, one.objects, one.drawn, one.hidden, *(one.dropped.get(reason, 0) for reason in reasons)))
    return Table(columns, tuple(rows))


def change_table(changes: Iterable[Change]) -> Table:
    """Return a row a mend that was made: frame, object, its label, rule, what was changed."""
    columns = tuple(Column(name) for name in ("frame", "object", "label", "rule", "change"))
    return Table(columns, tuple((one.key, one.object, one.label, one.rule, one.text) for one in changes))
