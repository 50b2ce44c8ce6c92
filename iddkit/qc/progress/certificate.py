"""The certificate of a batch: every sample that was drawn of it, and what that shows of all its images.

It holds the frozen lists, so that anyone can draw the samples again from the certificate alone: `redraw` does. What
only the log can show is that list, seed and plan were sealed before anyone looked; the number and the hash of the log's
last event are there for `iddkit.qc.verify`.
"""

from __future__ import annotations

import json
from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, select, true

from iddkit.qc.acceptance import SamplingPlan, risks
from iddkit.qc.events import Kind, to_text
from iddkit.qc.progress.claims import is_bad, percent, state, weigh, weigh_imported, weigh_planted
from iddkit.qc.progress.redraw import redraw
from iddkit.qc.progress.rounds import (
    BEFORE_PLANTS,
    CONFIDENCE,
    FORMAT,
    Bound,
    Certificate,
    Earlier,
    Judged,
    Mended,
    Planted,
    Reopened,
    Round,
)
from iddkit.qc.progress.sensitivity import read_measured
from iddkit.qc.sampling import IMPORTED
from iddkit.qc.stages import Action, Stage
from iddkit.qc.state import OPEN, Batch
from iddkit.qc.store.tables import batches, events, frames, people
from iddkit.severity import Severity

__all__ = [
    "BEFORE_PLANTS",
    "CONFIDENCE",
    "FORMAT",
    "Bound",
    "Certificate",
    "Earlier",
    "Judged",
    "Mended",
    "Planted",
    "Reopened",
    "Round",
    "percent",
    "read_certificate",
    "redraw",
]

# Frames that a statement names at a time.
_NAMED: Final = 500


def read_certificate(
    connection: Connection,
    batch: Batch,
    *,
    until: int | None = None,
    stages: Mapping[str, str] | None = None,
    form: str = FORMAT,
) -> Certificate:
    """Return what the log shows of a batch, whether it is accepted by now or not.

    Parameters
    ----------
    connection
        Of the project.
    batch
        Which.
    until
        Number of the last event that counts: the certificate as it was then. All of them, if None.
    stages
        Where frames stood then, by key; where they stand now, if None.
    form
        `FORMAT`, or `BEFORE_PLANTS` to compare with an older one.
    """
    names: dict[int | None, str] = {None: ""}
    names.update(connection.execute(select(people.c.id, people.c.name)).all())
    keys = dict(connection.execute(select(frames.c.id, frames.c.key)).all())
    last = connection.execute(select(events).where(_until(until)).order_by(events.c.seq.desc()).limit(1)).one()
    seq = last.seq
    stage = _read_stage(connection, batch, seq)
    rounds = _read_rounds(connection, batch, names, keys, seq)
    if form == BEFORE_PLANTS:
        rounds = tuple(replace(one, planted=None) for one in rounds)
    earlier = _read_earlier(connection, batch, rounds, keys)
    reopened = _read_reopened(connection, rounds, names, keys, seq, stages) if stage == Stage.ACCEPTED else ()
    settings = select(events.c.data).where(events.c.kind == Kind.PROJECT, _until(seq)).order_by(events.c.seq.desc())
    project = json.loads(connection.execute(settings.limit(1)).scalar_one())["name"]
    return Certificate(
        format=form,
        project=project,
        batch=batch.name,
        stage=stage,
        confidence=CONFIDENCE,
        log_events=seq,
        log_hash=last.hash,
        log_until=to_text(last.at),
        statement=state(project, batch.name, stage, rounds, earlier, reopened),
        rounds=rounds,
        earlier=earlier,
        reopened=reopened,
    )


def _until(seq: int | None) -> ColumnElement[bool]:
    return true() if seq is None else events.c.seq <= seq


def _read_stage(connection: Connection, batch: Batch, until: int) -> str:
    query = select(events).where(
        events.c.batch == batch.id,
        events.c.kind.in_((Kind.FROZEN, Kind.CONCLUDED)),
        events.c.frame.is_(None),
        events.c.seq <= until,
    )
    last = connection.execute(query.order_by(events.c.seq.desc()).limit(1)).first()
    if last is None or last.verdict == Action.RETURN:
        return OPEN
    if last.kind == Kind.FROZEN:
        return Stage.QC3
    return Stage.QC4 if last.stage == Stage.QC3 else Stage.ACCEPTED


def _read_rounds(
    connection: Connection, batch: Batch, names: Mapping[int | None, str], keys: Mapping[int, str], until: int
) -> tuple[Round, ...]:
    kinds = (Kind.FROZEN, Kind.SAMPLE, Kind.REVIEWED, Kind.CONCLUDED)
    # Of the frames only what happened in samples: a batch has ten times as many other reviews.
    query = select(events).where(
        events.c.batch == batch.id,
        events.c.kind.in_(kinds),
        events.c.frame.is_(None) | events.c.stage.in_((Stage.QC3, Stage.QC4)),
        events.c.seq <= until,
    )
    number, frozen, sample = 0, None, None
    verdicts: dict[int, Row[Any]] = {}
    found: list[Round] = []
    for event in connection.execute(query.order_by(events.c.seq)):
        if event.kind == Kind.FROZEN:
            number, frozen = number + 1, event
        elif event.kind == Kind.SAMPLE:
            sample, verdicts = event, {}
        elif event.kind == Kind.REVIEWED:
            verdicts[event.frame] = event
        elif sample is not None:
            found.append(_round(connection, number, frozen, sample, verdicts, event, names, keys, until))
            sample = None
    if sample is not None:
        found.append(_round(connection, number, frozen, sample, verdicts, None, names, keys, until))
    return tuple(found)


def _round(
    connection: Connection,
    number: int,
    frozen: Row[Any] | None,
    sample: Row[Any],
    verdicts: Mapping[int, Row[Any]],
    concluded: Row[Any] | None,
    names: Mapping[int | None, str],
    keys: Mapping[int, str],
    until: int,
) -> Round:
    data = json.loads(sample.data)
    plan = SamplingPlan.from_json(data["plan"])
    judged = tuple(
        _judged(position, keys[frame], verdicts[frame], plan, names)
        for position, frame in enumerate(data["positions"], start=1)
        if frame in verdicts
    )
    n, size, seed = len(data["positions"]), data["size"], data["seed"]
    decision, bound = weigh(plan, size, judged) if seed != IMPORTED else weigh_imported(judged)
    mended: tuple[Mended, ...] = ()
    if concluded is not None:
        bad = {keys[frame]: frame for frame in data["positions"]}
        stage = sample.stage if concluded.verdict == Action.ACCEPT else Stage.QC2
        mended = tuple(
            _mended(connection, one.key, bad[one.key], (concluded.seq, until), stage, names)
            for one in judged
            if one.bad
        )
    measured = read_measured(connection, sample.stage, until if concluded is None else concluded.seq)
    return Round(
        round=number,
        stage=sample.stage,
        frozen_at="" if frozen is None else to_text(frozen.at),
        frozen_by="" if frozen is None else names[frozen.actor],
        drawn_at=to_text(sample.at),
        drawn_by=names[sample.actor],
        drawn_seq=sample.seq,
        concluded_seq=0 if concluded is None else concluded.seq,
        is_imported=any(
            event is not None and "import" in json.loads(event.data) for event in (frozen, sample, concluded)
        ),
        concluded_at="" if concluded is None else to_text(concluded.at),
        concluded_by="" if concluded is None else names[concluded.actor],
        size=size,
        n=n,
        c=data["allowed"],
        plan=plan.to_json(),
        risks=risks(plan.resolve(size)).to_json() if seed != IMPORTED else {},
        seed=seed,
        given=bool(data.get("given", False)),
        list_hash=data["list_hash"],
        seal=data["seal"],
        list=tuple((key, sha256, annotator, sequence) for key, sha256, annotator, sequence in data["list"]),
        sample=tuple(keys[frame] for frame in data["positions"]),
        judged=judged,
        inspected=decision.inspected,
        counted=decision.bad,
        verdict="" if concluded is None else concluded.verdict,
        reason=decision.reason if concluded is None else concluded.reason,
        bound=bound if concluded is not None else Bound(None, "the sample is not concluded"),
        mended=mended,
        planted=weigh_planted(plan, size, measured.caught, measured.judged, is_drawn=seed != IMPORTED),
    )


def _judged(position: int, key: str, event: Row[Any], plan: SamplingPlan, names: Mapping[int | None, str]) -> Judged:
    severities = [Severity(mark["severity"]) for mark in json.loads(event.data).get("marks", ())]
    worst = max(severities, key=lambda severity: severity.weight, default=None)
    return Judged(
        position=position,
        key=key,
        revision=event.revision or 0,
        verdict=event.verdict,
        worst="" if worst is None else str(worst),
        bad=is_bad(plan, event.verdict, "" if worst is None else str(worst)),
        reasons=event.reason,
        by=names[event.actor],
        at=to_text(event.at),
    )


def _mended(
    connection: Connection,
    key: str,
    frame: int,
    between: tuple[int, int],
    stage: str,
    names: Mapping[int | None, str],
) -> Mended:
    after, until = between
    query = select(events).where(
        events.c.frame == frame,
        events.c.seq > after,
        events.c.seq <= until,
        events.c.kind.in_((Kind.SUBMITTED, Kind.REVIEWED)),
    )
    handed_in = ""
    for event in connection.execute(query.order_by(events.c.seq)):
        if event.kind == Kind.SUBMITTED:
            handed_in = handed_in or to_text(event.at)
        elif handed_in and event.stage == stage and event.verdict == Action.PASS:
            return Mended(key, handed_in, to_text(event.at), stage, names[event.actor])
    return Mended(key, handed_in, "", "", "")


def _read_earlier(
    connection: Connection, batch: Batch, rounds: tuple[Round, ...], keys: Mapping[int, str]
) -> tuple[Earlier, ...]:
    # A batch whose sample failed could be emptied into another one, whose own samples would say nothing of that.
    if not rounds:
        return ()
    last = rounds[-1]
    settled = [
        event
        for event in _read_of_list(connection, last, keys, events.c.kind == Kind.SETTLED, events.c.batch != batch.id)
        if event.seq < last.drawn_seq and _is_returned(json.loads(event.data))
    ]
    conclusions: dict[int, list[Row[Any]]] = {}
    named = dict(connection.execute(select(batches.c.id, batches.c.name)).all())
    for number in sorted({event.batch for event in settled}):
        of_batch = (
            events.c.batch == number,
            events.c.kind.in_((Kind.FROZEN, Kind.CONCLUDED)),
            events.c.frame.is_(None),
        )
        conclusions[number] = list(connection.execute(select(events).where(*of_batch).order_by(events.c.seq)))
    found: dict[tuple[int, int], list[str]] = {}
    for event in settled:
        place = bisect(conclusions[event.batch], event.seq, key=lambda row: row.seq) - 1
        found.setdefault((event.batch, place), []).append(keys[event.frame])
    order = {row[0]: place for place, row in enumerate(last.list)}
    earlier = []
    for (number, place), here in found.items():
        concluded = conclusions[number][place]
        data = json.loads(concluded.data)
        earlier.append(
            Earlier(
                batch=named[number],
                round=sum(row.kind == Kind.FROZEN for row in conclusions[number][:place]),
                stage=concluded.stage,
                concluded_at=to_text(concluded.at),
                concluded_seq=concluded.seq,
                inspected=data["seen"],
                bad=data["bad"],
                here=len(here),
                keys=tuple(sorted(here, key=order.__getitem__)),
            )
        )
    return tuple(sorted(earlier, key=lambda one: one.concluded_seq))


def _is_returned(data: Mapping[str, Any]) -> bool:
    # A bad frame of a sample that failed is mended and begins at QC2 again, like all others of its batch.
    return data["action"] == str(Action.RETURN) or bool(data.get("back") == Stage.QC2)


def _read_of_list(
    connection: Connection, one: Round, keys: Mapping[int, str], *conditions: ColumnElement[bool]
) -> Iterator[Row[Any]]:
    """Yield the events of the frames of a list, so many frames at a time as a statement may name."""
    listed = {row[0] for row in one.list}
    numbers = [number for number, key in keys.items() if key in listed]
    for start in range(0, len(numbers), _NAMED):
        query = select(events).where(events.c.frame.in_(numbers[start : start + _NAMED]), *conditions)
        yield from connection.execute(query.order_by(events.c.seq))


def _read_reopened(
    connection: Connection,
    rounds: tuple[Round, ...],
    names: Mapping[int | None, str],
    keys: Mapping[int, str],
    until: int,
    stages: Mapping[str, str] | None,
) -> tuple[Reopened, ...]:
    # Only of the list that was accepted, and only what came after: a frame comes here re-opened from another batch, or
    # was settled in a round before and then accepted elsewhere.
    accepted = [one for one in rounds if one.stage == Stage.QC4 and one.verdict == Action.ACCEPT]
    if not accepted:
        return ()
    last = accepted[-1]
    after = (events.c.kind == Kind.SUBMITTED, events.c.stage == Stage.ACCEPTED)
    found = _read_of_list(connection, last, keys, *after, events.c.seq > last.concluded_seq, events.c.seq <= until)
    named = dict(connection.execute(select(batches.c.id, batches.c.name)).all())
    if stages is None:
        stages = dict(connection.execute(select(frames.c.key, frames.c.stage)).all())
    return tuple(
        Reopened(
            keys[row.frame],
            to_text(row.at),
            names[row.actor],
            row.revision,
            named.get(row.batch, ""),
            stages[keys[row.frame]],
        )
        for row in sorted(found, key=lambda row: row.seq)
    )
