"""Frame tables for the tests of what is made of them: nothing is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from iddkit import labels
from iddkit.frames import Frame
from iddkit.statistics import FrameTable, classes

#: Split, sequence and name of a frame.
Key = tuple[str, str, str]


def table(
    keys: Sequence[Key],
    pixels: Sequence[Sequence[int]],
    *,
    level: str = "level1",
    map_name: str = "idd",
    shapes: Sequence[Sequence[int]] | None = None,
    sizes: Sequence[tuple[int, int]] | None = None,
) -> FrameTable:
    """Return a table of frames of 100 bytes: `pixels`, `shapes` have a row a frame and a column a class, then void."""
    label_map = labels.load(map_name)
    columns = len(classes(label_map, level)) + 1
    count = len(keys)
    return FrameTable(
        tuple(Frame(*key, annotation=Path(f"{'-'.join(key)}.json")) for key in keys),
        label_map,
        level,
        np.array(sizes or [(320, 180)] * count, dtype=np.int32).reshape(-1, 2),
        np.array(pixels, dtype=np.int64).reshape(-1, columns),
        None if shapes is None else np.array(shapes, dtype=np.int64).reshape(-1, columns),
        np.full(count, 100, dtype=np.int64),
        ("",) * count,
        ("",) * count,
    )


@st.composite
def frame_tables(draw: st.DrawFn, level: str | None = None) -> FrameTable:
    """Draw tables of 0-8 frames of a few splits and sequences: void, empty and enormous counts among them."""
    level = level or draw(st.sampled_from(["id", "level3", "level1"]))
    columns = len(classes(labels.load("idd"), level)) + 1
    counts = st.lists(st.sampled_from([0, 0, 0, 1, 7, 2_073_600, 10**10]), min_size=columns, max_size=columns)
    names = st.tuples(st.sampled_from(["", "train", "val"]), st.sampled_from(["", "0", "10"]), st.sampled_from("abcd"))
    keys = draw(st.lists(names, max_size=8, unique=True))
    rows = draw(st.lists(counts, min_size=len(keys), max_size=len(keys)))
    shapes = draw(st.none() | st.just(rows))
    sides = st.integers(1, 4000)
    sizes = draw(st.lists(st.tuples(sides, sides), min_size=len(keys), max_size=len(keys)))
    return table(sorted(keys), rows, level=level, shapes=shapes, sizes=sizes)
