"""Frames and batches: how they come into a project, and how they are found by what people call them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sqlalchemy import func, select

from iddkit.errors import OptionError, printable
from iddkit.frames import Index
from iddkit.qc.events import Kind
from iddkit.qc.queue.assignment import assign_peer, move_load
from iddkit.qc.queue.people import require_lead
from iddkit.qc.queue.rules import require_move
from iddkit.qc.stages import Action, Stage
from iddkit.qc.state import OPEN, Batch, Frame, Person
from iddkit.qc.store.tables import batches, frames
from iddkit.qc.store.work import Work


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding an index.

    Attributes
    ----------
    batch
        The batch.
    added
        Frames that are new.
    there
        Keys of those that the project had already, in this batch or another; nothing was changed about them.
    unnamed
        Keys of those whose names or paths are not UTF-8: they cannot be stored.
    """

    batch: Batch
    added: int
    there: tuple[str, ...]
    unnamed: tuple[str, ...] = ()


def add_frames(work: Work, index: Index, batch: str, actor: Person | None) -> Added:
    """Add the frames of an index to a batch, which is made if there is none of that name.

    Parameters
    ----------
    work
        The open transaction.
    index
        Frames; their images and annotations are not looked at.
    batch
        Name.
    actor
        A lead; None for imports.

    Raises
    ------
    RefusedError
        The actor is no lead, or the batch is not open.
    """
    if actor is not None:
        require_lead(work, actor, "add frames")
    by = None if actor is None else actor.id
    found = add_batch(work, batch, by)
    if found.stage != OPEN:
        problem = f"batch {printable(found.name)} is at {found.stage}: its list is frozen"
        work.refuse(problem, actor=by, action="add", batch=found.id)
    known = set(work.connection.execute(select(frames.c.key)).scalars())
    number = work.connection.execute(select(func.max(frames.c.id))).scalar() or 0
    there, unnamed = [], []
    for frame in index:
        if frame.key in known:
            there.append(frame.key)
            continue
        data = {
            "key": frame.key,
            "split": frame.split,
            "sequence": frame.sequence,
            "name": frame.name,
            "root": os.path.abspath(index.root),
            "image": "" if frame.image is None else frame.image.as_posix(),
            "annotation": "" if frame.annotation is None else frame.annotation.as_posix(),
        }
        if not all(_is_storable(text) for text in data.values()):
            unnamed.append(frame.key)
            continue
        number += 1
        work.append(Kind.FRAME, by, frame=number, batch=found.id, data=data)
    work.flush()
    return Added(found, len(index) - len(there) - len(unnamed), tuple(there), tuple(unnamed))


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def add_batch(work: Work, name: str, actor: int | None = None) -> Batch:
    """Return the batch with a name, made if there is none."""
    name = name.strip()
    if not name or not name.isprintable():
        raise OptionError("a batch needs a name that can be printed")
    found = work.find(Batch, select(batches).where(batches.c.name == name))
    if found:
        return found[0]
    number = 1 + (work.connection.execute(select(func.max(batches.c.id))).scalar() or 0)
    work.append(Kind.BATCH, actor, batch=number, data={"name": name})
    return work.state.get(Batch, number)


def find_batch(work: Work, name: str) -> Batch:
    """Return the batch with a name.

    Raises
    ------
    OptionError
        There is none; it names those that there are.
    """
    found = work.find(Batch, select(batches).where(batches.c.name == name.strip()))
    if found:
        return found[0]
    names = work.connection.execute(select(batches.c.name).order_by(batches.c.id).limit(20)).scalars()
    known = ", ".join(printable(known, 40) for known in names)
    raise OptionError(f"no batch {printable(name, 60)!r}; there are {known}" if known else "there is no batch yet")


def find_frame(work: Work, name: str) -> Frame:
    """Return the frame with a key, or with the end of one where no other ends so: ``train/0/001`` or ``001``.

    Raises
    ------
    OptionError
        There is none, or there are several; it names some of them.
    """
    name = name.strip().strip("/")
    exact = work.find(Frame, select(frames).where(frames.c.key == name))
    if exact:
        return exact[0]
    last = name.rsplit("/", 1)[-1]
    found = [
        frame
        for frame in work.find(Frame, select(frames).where(frames.c.name == last).order_by(frames.c.id))
        if f"/{frame.key}".endswith(f"/{name}")
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise OptionError(f"no frame {printable(name, 100)!r} in the project")
    some = ", ".join(printable(frame.key) for frame in found[:4])
    raise OptionError(f"{len(found)} frames are called {printable(name, 100)!r}: {some}{' ...' if found[4:] else ''}")


def drop(work: Work, frame: Frame, actor: Person, reason: str) -> Frame:
    """Take a frame out of the review, as only a lead may; what was handed in is kept.

    Raises
    ------
    RefusedError
        The actor is no lead, no reason is given, or the frame is in a frozen batch.
    """
    require_move(work, frame, actor, Action.DROP)
    if not reason.strip():
        work.refuse("say why the frame is dropped", actor=actor.id, action="drop", frame=frame.id)
    back = Stage.QC1 if frame.revision else Stage.ANNOTATE
    data: dict[str, object] = {"back": back}
    if load := move_load(work, frame, None):
        data["load"] = load
    work.append(Kind.DROPPED, actor.id, frame=frame.id, stage=frame.stage, reason=reason.strip(), data=data)
    return work.state.get(Frame, frame.id)


def restore(work: Work, frame: Frame, actor: Person, batch: Batch | None = None) -> Frame:
    """Take a dropped frame up again: at QC1 if it was handed in, in its batch if that is open, or in another one.

    Raises
    ------
    RefusedError
        The actor is no lead, the frame is not dropped, or the batch is not open.
    """
    require_move(work, frame, actor, Action.RESTORE)
    target = work.state.get(Batch, frame.batch) if batch is None else batch
    if target.stage != OPEN:
        problem = f"batch {printable(target.name)} is at {target.stage}; name an open one (--batch)"
        work.refuse(problem, actor=actor.id, action="restore", frame=frame.id)
    if target.id != frame.batch:
        work.append(Kind.MOVED, actor.id, frame=frame.id, batch=target.id)
    work.append(Kind.RESTORED, actor.id, frame=frame.id)
    restored = work.state.get(Frame, frame.id)
    return assign_peer(work, restored) if restored.stage == Stage.QC1 else restored
