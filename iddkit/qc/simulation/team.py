"""The people of the simulation: no two work at one speed, see the same, or err alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from iddkit.qc.simulation.drawing import WEIGHTS
from iddkit.qc.stages import Role, Stage
from iddkit.synthetic.dice import Dice

TIMEZONE: Final = "Asia/Kolkata"

#: The first Wednesday of the weeks that the thesis prints (Mishra 2024, table 3.1).
BEGINNING: Final = datetime(2019, 7, 17, tzinfo=ZoneInfo(TIMEZONE))

# fmt: off
_NAMES: Final = (
    "Aarti", "Bhaskar", "Chitra", "Deepak", "Esha", "Farhan", "Gauri", "Harish", "Indu", "Jatin", "Kavya", "Lokesh",
    "Meena", "Nikhil", "Ojas", "Padma", "Qasim", "Rekha", "Sanjay", "Tara", "Uday", "Vidya", "Waseem", "Yamini",
    "Zubin", "Anil", "Bela", "Chandan", "Divya", "Eknath",
)
# fmt: on
_SUPERVISORS: Final = ("Sushila", "Suresh", "Saroja", "Sunil")
_RESEARCHERS: Final = ("Rohini", "Ravi", "Radha")

# Working hours: from, lunch, when nobody begins anything any more. What was begun is done on the same day.
_OPENS: Final = timedelta(hours=9)
_LUNCH: Final = timedelta(hours=13)
_PAUSE: Final = timedelta(hours=1)
_CLOSES: Final = timedelta(hours=17, minutes=45)

# An image takes one annotator an hour and a half to two hours (Mishra 2024, section 3.3). Of the reviews the thesis
# does not say: minutes from and to, the more thorough the longer.
_HOURS: Final = (1.5, 2.0)
_MINUTES: Final[dict[str, tuple[float, float]]] = {
    Stage.QC1: (8, 15),
    Stage.QC2: (6, 11),
    Stage.QC3: (18, 28),
    Stage.QC4: (25, 40),
}
# The part of the defects that a reviewer sees.
_EYES: Final[dict[str, tuple[float, float]]] = {
    Stage.QC1: (0.55, 0.85),
    Stage.QC2: (0.75, 0.92),
    Stage.QC3: (0.90, 0.96),
    Stage.QC4: (0.94, 0.99),
}


@dataclass(frozen=True, slots=True)
class Worker:
    """One person and what they are like.

    Attributes
    ----------
    number
        By which the queue knows them.
    hours
        For one image.
    defects
        That they make in one image, on average.
    habit
        Weight of each kind of defect.
    minutes, eyes
        By stage: of a review, and the part of the defects that they see in it.
    begins
        After the opening, every morning.
    """

    number: int
    name: str
    roles: tuple[Role, ...]
    hours: float
    defects: float
    habit: dict[str, float]
    minutes: dict[str, float]
    eyes: dict[str, float]
    begins: timedelta


def name_people(annotators: int) -> list[tuple[str, tuple[Role, ...]]]:
    """Return names and roles: the lead first, then the others; the last annotator is the one who comes later."""
    often = max(1, -(-annotators // 7))
    named: list[tuple[str, tuple[Role, ...]]] = [("Leela", (Role.LEAD,))]
    named += [(name, (Role.SUPERVISOR,)) for name in _SUPERVISORS[:often]]
    named += [(name, (Role.RESEARCHER,)) for name in _RESEARCHERS[:often]]
    named.append(("Elango", (Role.EXPERT,)))
    for place in range(annotators + 1):
        again, name = divmod(place, len(_NAMES))
        named.append((f"{_NAMES[name]} {again + 1}" if again else _NAMES[name], (Role.ANNOTATOR,)))
    return named


def make_worker(seed: int, number: int, name: str, roles: tuple[Role, ...]) -> Worker:
    """Return a person with traits by lot."""
    dice = Dice(seed, 2, number)
    careless = dice.random() ** 2  # most are careful
    return Worker(
        number=number,
        name=name,
        roles=roles,
        hours=dice.between(*_HOURS),
        defects=0.06 + 0.3 * careless,
        habit={reason: weight * dice.between(0.3, 2.0) for reason, weight in WEIGHTS.items()},
        minutes={stage: dice.between(*span) for stage, span in _MINUTES.items()},
        eyes={stage: dice.between(*span) for stage, span in _EYES.items()},
        begins=timedelta(minutes=dice.whole(0, 45)),
    )


def work_days(weeks: int) -> list[datetime]:
    """Return the midnights at which working days begin: Monday to Friday."""
    days = [BEGINNING + timedelta(days=day) for day in range(7 * weeks)]
    return [day for day in days if day.weekday() < 5]


def open_from(worker: Worker, day: datetime) -> datetime:
    """Return when a person begins to work on a day."""
    return day + _OPENS + worker.begins


def is_late(moment: datetime, day: datetime) -> bool:
    """Whether nobody begins anything any more."""
    return moment >= day + _CLOSES


def end_of(moment: datetime, seconds: int, day: datetime) -> datetime:
    """Return when work is done that is begun at a moment, lunch left out."""
    if moment < day + _LUNCH:
        left = (day + _LUNCH - moment).total_seconds()
        return moment + timedelta(seconds=seconds) + (_PAUSE if seconds > left else timedelta(0))
    return max(moment, day + _LUNCH + _PAUSE) + timedelta(seconds=seconds)
