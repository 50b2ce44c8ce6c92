"""The certificate of a batch: every sample that was drawn of it, and what that shows of all its images.

It holds the frozen lists, so that anyone can draw the samples again from the certificate alone: `redraw` does. What
only the log can show is that list, seed and plan were sealed before anyone looked; the number and the hash of the log's
last event are there for `iddkit.qc.verify`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from iddkit.qc.acceptance import SamplingPlan, risks
from iddkit.qc.checklist import Severity
from iddkit.qc.events import Kind, to_text
from iddkit.qc.progress.claims import is_bad, percent, state, weigh, weigh_imported
from iddkit.qc.progress.redraw import redraw
from iddkit.qc.progress.rounds import (
    CONFIDENCE,
    FORMAT,
    Bound,
    Certificate,
    Judged,
    Mended,
    Reopened,
    Round,
)
from iddkit.qc.sampling import IMPORTED
from iddkit.qc.stages import Action, Stage
from iddkit.qc.state import Batch
from iddkit.qc.store.database import read_project
from iddkit.qc.store.tables import batches, events, frames, people

__all__ = [
    "CONFIDENCE",
    "FORMAT",
    "Bound",
    "Certificate",
    "Judged",
    "Mended",
    "Reopened",
    "Round",
    "percent",
    "read_certificate",
    "redraw",
]


def read_certificate(connection: Connection, batch: Batch) -> Certificate:
    """Return what the log shows of a batch, whether it is accepted by now or not."""
    names: dict[int | None, str] = {None: ""}
    names.update(connection.execute(select(people.c.id, people.c.name)).all())
    keys = dict(connection.execute(select(frames.c.id, frames.c.key)).all())
    rounds = _read_rounds(connection, batch, names, keys)
    reopened = _read_reopened(connection, batch, names) if batch.stage == Stage.ACCEPTED else ()
    last = connection.execute(select(events).order_by(events.c.seq.desc()).limit(1)).one()
    project = read_project(connection).name
    return Certificate(
        format=FORMAT,
        project=project,
        batch=batch.name,
        stage=batch.stage,
        confidence=CONFIDENCE,
        log_events=last.seq,
        log_hash=last.hash,
        log_until=to_text(last.at),
        statement=state(project, batch.name, batch.stage, rounds, reopened),
        rounds=rounds,
        reopened=reopened,
    )


def _read_rounds(
    connection: Connection, batch: Batch, names: Mapping[int | None, str], keys: Mapping[int, str]
) -> tuple[Round, ...]:
    kinds = (Kind.FROZEN, Kind.SAMPLE, Kind.REVIEWED, Kind.CONCLUDED)
    # Of the frames only what happened in samples: a batch has ten times as many other reviews.
    query = select(events).where(
        events.c.batch == batch.id,
        events.c.kind.in_(kinds),
        events.c.frame.is_(None) | events.c.stage.in_((Stage.QC3, Stage.QC4)),
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
            found.append(_round(connection, number, frozen, sample, verdicts, event, names, keys))
            sample = None
    if sample is not None:
        found.append(_round(connection, number, frozen, sample, verdicts, None, names, keys))
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
            _mended(connection, one.key, bad[one.key], concluded.seq, stage, names) for one in judged if one.bad
        )
    return Round(
        round=number,
        stage=sample.stage,
        frozen_at="" if frozen is None else to_text(frozen.at),
        frozen_by="" if frozen is None else names[frozen.actor],
        drawn_at=to_text(sample.at),
        drawn_by=names[sample.actor],
        drawn_seq=sample.seq,
        concluded_at="" if concluded is None else to_text(concluded.at),
        concluded_by="" if concluded is None else names[concluded.actor],
        size=size,
        n=n,
        c=data["allowed"],
        plan=plan.to_json(),
        risks=risks(plan.resolve(size)).to_json() if seed != IMPORTED else {},
        seed=seed,
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
    connection: Connection, key: str, frame: int, after: int, stage: str, names: Mapping[int | None, str]
) -> Mended:
    query = select(events).where(
        events.c.frame == frame, events.c.seq > after, events.c.kind.in_((Kind.SUBMITTED, Kind.REVIEWED))
    )
    handed_in = ""
    for event in connection.execute(query.order_by(events.c.seq)):
        if event.kind == Kind.SUBMITTED:
            handed_in = handed_in or to_text(event.at)
        elif handed_in and event.stage == stage and event.verdict == Action.PASS:
            return Mended(key, handed_in, to_text(event.at), stage, names[event.actor])
    return Mended(key, handed_in, "", "", "")


def _read_reopened(connection: Connection, batch: Batch, names: Mapping[int | None, str]) -> tuple[Reopened, ...]:
    settled = select(events.c.frame).where(
        events.c.batch == batch.id, events.c.kind == Kind.SETTLED, events.c.stage == Stage.QC4
    )
    query = (
        select(events, frames.c.key, frames.c.stage.label("now"))
        .join(frames, frames.c.id == events.c.frame)
        .where(
            events.c.frame.in_(settled),
            events.c.kind == Kind.SUBMITTED,
            events.c.stage == Stage.ACCEPTED,
        )
    )
    found = connection.execute(query.order_by(events.c.seq)).all()
    named = dict(connection.execute(select(batches.c.id, batches.c.name)).all())
    return tuple(
        Reopened(row.key, to_text(row.at), names[row.actor], row.revision, named.get(row.batch, ""), row.now)
        for row in found
    )
