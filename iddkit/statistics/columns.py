"""Which numbers of a level are classes, and how the columns of a fine level fall into those of a coarse one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import LabelMapError
from iddkit.labels import VOID, Category, LabelMap, nests


def classes(label_map: LabelMap, level: str) -> tuple[Category, ...]:
    """Return the categories of `level` that are classes, in ascending order of their numbers.

    The others are void: pixels of no label, `VOID`, and categories of which the coarsest level makes void
    (``out of roi``, ``ego vehicle``), so that a pixel is void at every level or at none. Tables of counts have a
    column for each class, and a last one for all that is void.

    Examples
    --------
    >>> from iddkit import labels
    >>> idd = labels.load("idd")
    >>> [len(classes(idd, level)) for level in ("id", "level3", "level2", "level1")]
    [35, 26, 16, 7]
    """
    coarsest = label_map.hierarchy[-1]
    void, coarse_void = {VOID, label_map.void(level)}, {VOID, label_map.void(coarsest)}
    return tuple(
        category
        for category in label_map.categories(level)
        if category.number not in void and not {label.numbers[coarsest] for label in category.labels} <= coarse_void
    )


def column_of_number(label_map: LabelMap, level: str) -> NDArray[np.intp]:
    """Return the column of each number of a label image at `level`: intp (256,); -1 where the map has no such number.

    The columns are those of `classes`, then the void one.
    """
    columns = np.full(256, -1, dtype=np.intp)
    found = classes(label_map, level)
    columns[[VOID, label_map.void(level), *(category.number for category in label_map.categories(level))]] = len(found)
    columns[[category.number for category in found]] = np.arange(len(found))
    return columns


def collapse(label_map: LabelMap, fine: str, coarse: str) -> NDArray[np.intp]:
    """Return in which column of level `coarse` each class of level `fine` falls: intp (classes of `fine`,).

    Raises
    ------
    LabelMapError
        A class of the fine level lies in several of the coarse one (IDD's level4 in level3).
    """
    if fine == coarse:
        return np.arange(len(classes(label_map, fine)))
    if not nests(label_map, fine, coarse):
        raise LabelMapError(f"{fine} cannot be turned into {coarse}: one number of it lies in several of {coarse}")
    table = column_of_number(label_map, coarse)
    return np.array([table[c.labels[0].numbers[coarse]] for c in classes(label_map, fine)], dtype=np.intp)


def coarser_levels(label_map: LabelMap, level: str) -> tuple[str, ...]:
    """Return the coarser levels of the hierarchy that counts of `level` can be turned into, finest first.

    Examples
    --------
    >>> from iddkit import labels
    >>> coarser_levels(labels.load("idd"), "level3")
    ('level2', 'level1')
    """
    hierarchy = label_map.hierarchy
    below = hierarchy[hierarchy.index(level) + 1 :] if level in hierarchy else ()
    return tuple(coarse for coarse in below if nests(label_map, level, coarse))


def column_at(label_map: LabelMap, fine: str, coarse: str) -> NDArray[np.intp]:
    """Return the column at level `coarse` of each number of a label image at level `fine`: intp (256,).

    As many as `coarse` has classes for void, of the fine level or of the coarse one alone; -1 where the map has no such
    number.

    Raises
    ------
    LabelMapError
        As `collapse`.
    """
    columns = np.append(collapse(label_map, fine, coarse), [len(classes(label_map, coarse)), -1])
    found: NDArray[np.intp] = columns[column_of_number(label_map, fine)].astype(np.intp)
    return found
