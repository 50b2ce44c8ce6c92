"""Rules of labels: what an annotator typed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from iddkit.checks.finding import Finding, Mend
from iddkit.checks.view import View
from iddkit.errors import printable
from iddkit.labels import LabelMap
from iddkit.raster.paint import IGNORE
from iddkit.severity import Severity

#: Letters of a word that may be wrong, missing, too many or exchanged: one, and two from so many letters on.
_LONG: Final = 9


def unknown_label(view: View) -> Iterator[Finding]:
    """Find a label that the label map does not know; the nearest known one is named.

    `iddkit rasterize` refuses the frame.

    Mend: where only one known label is near, it takes the place of the misspelt one.
    """
    for shape in view.shapes:
        if view.label_of(shape) is not None or shape.label == IGNORE:
            continue
        meant = correct(shape.label, view.label_map)
        near = meant or view.label_map.nearest(shape.label)
        text = f"unknown label '{printable(shape.label, 60)}'" if shape.label else "no label"
        text += f", perhaps '{near}'" if near else ""
        mend = None if meant is None else Mend("label", shape.number, f"'{meant}' instead", label=meant)
        yield Finding(Severity.CRITICAL, text, shape.number, view.regions.get(shape.number), mend)


def group_without_instances(view: View) -> Iterator[Finding]:
    """Find a group (roadgroup) of a label whose objects are not counted.

    A group stands for several objects without instance numbers; stuff has none.

    Mend: the label without 'group', which is drawn alike.
    """
    for shape in view.shapes:
        found = view.label_map.find(shape.label)
        if found is None or not found[1] or view.label_map[found[0]].has_instances:
            continue
        text = f"a group of '{found[0]}', which is not counted by instance"
        mend = Mend("label", shape.number, f"'{found[0]}' instead", label=found[0])
        yield Finding(Severity.MINOR, text, shape.number, view.regions.get(shape.number), mend)


def correct(label: str, label_map: LabelMap) -> str | None:
    """Return the label that was meant where there is no doubt about it, else None.

    Examples
    --------
    >>> from iddkit import labels
    >>> [correct(label, labels.load("idd")) for label in ("Traffic_Sign", "trafic ligth", "car crop", "bu")]
    ['traffic sign', 'traffic light', None, None]
    """
    wanted = _plain(label)
    if not wanted or len(wanted) > 60:
        return None
    # Of what is not counted there are no groups to be meant.
    groups = [f"{one.name}group" for one in label_map if one.has_instances and f"{one.name}group" not in label_map]
    known = {_plain(name): name for name in [*groups, *(one.name for one in label_map)]}
    if wanted in known:
        return known[wanted]
    if len(wanted) < 4:
        return None
    most = 2 if len(wanted) >= _LONG else 1
    near = [name for plain, name in known.items() if _distance(wanted, plain, most) <= most]
    return near[0] if len(near) == 1 else None


def _plain(label: str) -> str:
    return "".join(character for character in label.lower() if character.isalnum())


def _distance(one: str, other: str, most: int) -> int:
    """Return how many letters have to be changed, added, taken away or exchanged with the next.

    The optimal string alignment distance (after Damerau 1964); `most` + 1 stands for all that is more than `most`.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(*row, *last) > most:
            return most + 1
        before, last = last, row
    return last[-1]
