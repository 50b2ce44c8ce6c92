"""Which version of a frame a person is shown: the one that counts, or a spoiled copy of it that a lead planted.

Every door asks here before it shows an annotation, so that none of them gives a planted error away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sqlalchemy import bindparam, select

from iddkit.qc.duties import is_holder, may_hold
from iddkit.qc.stages import REVIEWS, Role, Stage
from iddkit.qc.state import Frame, Person, Plant, Revision
from iddkit.qc.store.tables import plants
from iddkit.qc.store.work import Work

_WAITING: Final = (
    select(plants)
    .where(plants.c.frame == bindparam("frame"), plants.c.moved == bindparam("moved"), plants.c.verdict == "")
    .order_by(plants.c.id)
    .limit(1)
)


def find_open_plant(work: Work, frame: Frame) -> Plant | None:
    """Return the copy that waits to be judged in place of a frame, whoever is shown it; or None."""
    if frame.stage not in REVIEWS:
        return None
    found = work.find(Plant, _WAITING, frame=frame.id, moved=frame.moved)
    return found[0] if found and found[0].is_open(frame) else None


def find_plant(work: Work, frame: Frame, person: Person) -> Plant | None:
    """Return the copy that a person is shown in place of a frame, and judges if they judge it now; or None.

    Nobody is shown it who could not judge the frame, nor who planted it. Leads can read the list of plants: a lead is
    shown only what another one planted for them by name.
    """
    plant = find_open_plant(work, frame)
    if plant is None or plant.planter == person.id or plant.person not in (None, person.id):
        return None
    if plant.person is None and Role.LEAD in person.role_set:
        return None
    able = person.active and not may_hold(frame, person, Stage(frame.stage)) and is_holder(work, frame, person)
    return plant if able else None


def shown_revision(work: Work, frame: Frame, person: Person | None) -> Revision | None:
    """Return the version of a frame that a person is shown; None before the first one.

    It is the one that counts, with the file of a planted copy in its place where there is one for them. Without a
    person it is always the real one.
    """
    if not frame.revision:
        return None
    revision = work.state.get(Revision, frame.id, frame.revision)
    plant = None if person is None else find_plant(work, frame, person)
    return revision if plant is None else replace(revision, sha256=plant.sha256)
