"""Whether what a file says of a run fits together: shapes, numbers that cannot be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iddkit.runs.record import Run


def find_faults(run: Run) -> Iterator[str]:
    """Yield what does not fit together in a run; whatever is drawn of it takes these for granted."""
    size = len(run.labels)
    if not size or len(set(run.labels)) != size:
        yield "labels: there are none, or one stands twice"
    if len(run.counts) != size or any(len(row) != size + 1 for row in run.counts):
        yield f"counts: not {size} rows of {size + 1} numbers"
    if any(n < 0 for row in run.counts for n in row) or sum(map(sum, run.counts)) >= 2**63:
        yield "counts: a number of pixels that cannot be"
    if len(run.colors) != size or any(not 0 <= part <= 255 for color in run.colors for part in color):
        yield f"colors: not {size} of three numbers from 0 to 255"
    for name, split in (("train", run.train), ("val", run.val)):
        if len(split.pixels) != size or min(split.pixels) < 0:
            yield f"{name}.pixels: not {size} numbers of pixels"
        if split.frames < 0 or split.sequences < 0:
            yield f"{name}: a negative number of frames or sequences"
    if run.prior is not None and (len(run.prior) != size or any(n is not None and not 0 <= n <= 1 for n in run.prior)):
        yield f"prior: not {size} parts of 1"
    leak = run.leakage
    if leak is not None and (
        len(leak.sequence_frames) != len(leak.sequences) or sum(map(len, leak.sequence_frames)) != leak.frames
    ):
        yield "leakage: frames that are not those of its sequences"
    if min(run.size) < 1 or (run.speed is not None and min(run.speed.size) < 1):
        yield "size: a side without a pixel"
    if run.speed is not None and not (run.speed.milliseconds > 0 and math.isfinite(run.speed.milliseconds)):
        yield "speed.milliseconds: not above 0"
    if any(epoch.images < 0 or not 0 <= epoch.seconds < math.inf for epoch in run.epochs):
        yield "epochs: images or seconds that cannot be"
