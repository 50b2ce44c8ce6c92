"""What the database of a real project never knows: which defects each frame's latest file has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from iddkit.qc.checklist import Checklist
from iddkit.qc.simulation.drawing import WEIGHTS, Defect, Thing, make_defect, make_scene
from iddkit.severity import Severity
from iddkit.synthetic.dice import Dice

#: Frames of one drive sequence.
_DRIVE: Final = 12


@dataclass(slots=True)
class Record:
    """One frame's truth.

    Attributes
    ----------
    scene
        What it shows.
    planted
        The defect that its first file has whoever draws it, or None.
    defects
        Of the latest file.
    signed
        By object: who drew it last, and when.
    marked
        Defects that the latest failed review named.
    found
        Each defect that was ever named, with the stage that did so first.
    made
        Defects that it ever had.
    """

    scene: tuple[Thing, ...]
    planted: Defect | None = None
    defects: list[Defect] = field(default_factory=list)
    signed: dict[int, tuple[str, str]] = field(default_factory=dict)
    marked: list[Defect] = field(default_factory=list)
    found: dict[Defect, str] = field(default_factory=dict)
    made: int = 0


def name_frame(number: int) -> tuple[str, str, str]:
    """Return split, sequence and name of the n-th frame, from 1 on: drives of a dozen, every fourth for validation."""
    drive, place = divmod(number - 1, _DRIVE)
    return ("val" if drive % 4 == 3 else "train"), str(drive), f"frame{place:04d}"


def plant(seed: int, frames: int, share: float, batches: int) -> dict[int, Record]:
    """Return the truth before anything is drawn, by number of the frame.

    Of the frames of a project, `share` are planted with a defect that makes an image bad. Half of these lie in the
    second batch and are hard to see: it is the one that a sample ought to stop.

    Raises
    ------
    ValueError
        The share is none.
    """
    if not 0 <= share <= 0.3:
        raise ValueError(f"{share}: plant 0 to 0.3 of the frames")
    records = {number: Record(make_scene(seed, number)) for number in range(1, frames + 1)}
    dice = Dice(seed, 3)
    reasons = {
        reason: weight for reason, weight in WEIGHTS.items() if reason not in ("missing-small-object", "duplicate")
    }
    size = -(-frames // batches)
    second = list(range(size + 1, min(2 * size, frames) + 1))
    wanted = round(share * frames)
    chosen = _choose(dice, second, min(wanted // 2, len(second) // 2))
    hidden = set(chosen)
    chosen += _choose(dice, [number for number in records if number not in hidden], wanted - len(chosen))
    for number in sorted(chosen):
        record = records[number]
        while record.planted is None:  # not every scene has an object for each defect; every one has a wall or fence
            record.planted = make_defect(dice, record.scene, dice.weighted(reasons), hidden=number in hidden)
    return records


def _choose(dice: Dice, among: list[int], count: int) -> list[int]:
    left = list(among)
    return [left.pop(dice.whole(0, len(left) - 1)) for _ in range(min(count, len(left)))]


def is_bad(record: Record, checklist: Checklist) -> bool:
    """Whether a frame's latest file has a defect that makes an image bad: a major or critical one."""
    weights = [checklist.reason(defect.reason).severity.weight for defect in record.defects]
    return max(weights, default=0) >= Severity.MAJOR.weight
