"""What holds of a review whatever people do: told from the events, apart from what computes the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from iddkit.qc.events import NO_HASH, Event, Kind
from iddkit.qc.projection import apply
from iddkit.qc.stages import MOVES, Action, Role, Stage
from iddkit.qc.state import Batch, Frame, MemoryState, Person, Plant
from iddkit.qc.store.database import Store
from tests.qc_project import check_chain, read_events, read_rows

_STAGES = (Stage.QC1, Stage.QC2, Stage.QC3, Stage.QC4)


@dataclass
class Ledger:
    """What the events so far say of one frame."""

    hands: set[int] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    approved: int = 0  # the latest revision that somebody passed

    def fail(self, stage: str) -> None:
        """What follows a stage that is judged anew is judged anew, too."""
        self.passed -= set(_STAGES[_STAGES.index(Stage(stage)) :])


@dataclass
class Watch:
    """Follows the log of a store, event by event.

    Attributes
    ----------
    memory
        The state, replayed.
    ledgers
        By frame.
    counts
        Events by their kind, stage and verdict.
    """

    store: Store
    memory: MemoryState = field(default_factory=MemoryState)
    ledgers: dict[int, Ledger] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    seq: int = 0
    hash: str = NO_HASH
    _concluded: Event | None = None

    def people(self) -> list[Person]:
        return [row for row in self.memory.rows[Person].values() if isinstance(row, Person)]

    def frames(self) -> list[Frame]:
        return [row for row in self.memory.rows[Frame].values() if isinstance(row, Frame)]

    def batches(self) -> list[Batch]:
        return [row for row in self.memory.rows[Batch].values() if isinstance(row, Batch)]

    def follow(self) -> list[Event]:
        """Read what is new, and check it: the chain, each event by itself, and that the tables are what follows."""
        with self.store.reading() as connection:
            new = read_events(connection, self.seq)
            rows = read_rows(connection)
        check_chain(new, self.hash, self.seq)
        for event in new:
            before = self.memory.rows[Frame].get((event.frame or 0,))
            apply(self.memory, event)
            if event.frame is not None:
                assert before is None or isinstance(before, Frame)
                self._check(event, before, self.memory.get(Frame, event.frame))
            elif event.kind is Kind.CONCLUDED:
                self._concluded = event
            self.counts[f"{event.kind} {event.stage} {event.verdict}".strip()] += 1
            self.seq, self.hash = event.seq, event.hash
        # A refused action has no other event: with this it has changed no table either.
        assert rows == self.memory.rows
        self._check_owners()
        return new

    def _check(self, event: Event, before: Frame | None, after: Frame) -> None:
        ledger = self.ledgers.setdefault(after.id, Ledger())
        if before is not None and event.kind is not Kind.REFUSED:
            self._check_actor(event, before)
        match event.kind:
            case Kind.SUBMITTED:
                assert event.actor is not None
                ledger.hands.add(event.actor)
                if event.stage == Stage.ACCEPTED:
                    ledger.passed.clear()
            case Kind.CONFLICT:  # one whose version does not count drew it, too
                assert event.actor is not None
                ledger.hands.add(event.actor)
            case Kind.REVIEWED:
                assert before is not None
                assert event.actor not in ledger.hands, "nobody reviews what they drew"
                assert event.revision == before.revision
                if event.verdict == Action.PASS:
                    ledger.approved = max(ledger.approved, before.revision)
                self._review(event, before, ledger)
            case Kind.PLANTED:
                assert after == before, "what is planted changes no frame"
            case Kind.PROBED:
                self._probe(event, before, after, ledger)
            case Kind.SETTLED:
                self._settle(event, ledger)
            case Kind.RESTORED:
                ledger.passed.clear()
            case _:
                pass
        if after.stage == Stage.ACCEPTED:
            assert ledger.passed == set(_STAGES), "accepted without having passed each stage"
            assert ledger.approved == after.revision, "accepted with a revision that nobody passed"

    def _review(self, event: Event, before: Frame, ledger: Ledger) -> None:
        in_sample = before.stage in (Stage.QC3, Stage.QC4)
        assert in_sample == (before.sample is not None)
        if not in_sample and event.verdict == Action.PASS:
            ledger.passed.add(event.stage)
        elif not in_sample:
            ledger.fail(event.stage)
        if before.stage == Stage.RECHECK:
            assert event.stage == before.failed_at
        else:
            assert event.stage == before.stage

    def _probe(self, event: Event, before: Frame | None, after: Frame, ledger: Ledger) -> None:
        # The frame is not judged: all it loses is its claim and its place in the queue.
        assert before is not None
        assert after == replace(before, claimant=None, claimed_until=None, moved=event.seq)
        assert event.stage == before.stage
        assert event.revision == before.revision
        assert event.actor not in ledger.hands
        plant = self.memory.get(Plant, event.data["plant"])
        assert plant.frame == after.id
        assert (plant.verdict, plant.judge) == (event.verdict, event.actor)
        assert event.actor != plant.planter
        assert plant.person in (None, event.actor)

    def _settle(self, event: Event, ledger: Ledger) -> None:
        done = self._concluded
        assert done is not None
        assert (done.batch, done.stage, done.at) == (event.batch, event.stage, event.at)
        action = event.data["action"]
        if action == Action.MEND:
            ledger.fail(event.stage if done.verdict == Action.ACCEPT else Stage.QC2)
        elif action == Action.RETURN:
            assert done.verdict == Action.RETURN
            ledger.fail(Stage.QC2)
        else:
            assert done.verdict == Action.ACCEPT
            ledger.passed.add(event.stage)

    def _check_actor(self, event: Event, before: Frame) -> None:
        # Who did it may do it, and did not do it to what another person works on.
        action = {
            Kind.SUBMITTED: Action.SUBMIT,
            Kind.REVIEWED: event.verdict,
            Kind.PROBED: event.verdict,
            Kind.DROPPED: Action.DROP,
            Kind.RESTORED: Action.RESTORE,
            Kind.SETTLED: Action.ACCEPT,
        }.get(event.kind)
        if action is not None:
            moves = [move for move in MOVES if (move.stage, move.action) == (before.stage, action)]
            actor = self.memory.get(Person, event.actor or 0)
            assert actor.active
            assert len(moves) == 1
            assert actor.role_set & set(moves[0].roles)
        claimed = before.claimant is not None and (before.claimed_until or 0) > event.at
        if claimed and event.kind in (Kind.CLAIMED, Kind.SUBMITTED, Kind.REVIEWED, Kind.PROBED):
            assert event.actor == before.claimant, "two people at one frame"
        if claimed and event.kind is Kind.ASSIGNED and event.actor is None:
            assert before.claimant == before.holder, "given to another while somebody works on it"

    def _check_owners(self) -> None:
        people = [person for person in self.people() if person.active]
        leads = [person for person in people if Role.LEAD in person.role_set]
        if not self.memory.rows[Frame]:
            return
        assert leads, "a review without a lead"
        for frame in self.frames():
            stage = Stage(frame.stage)
            if stage in (Stage.ACCEPTED, Stage.DROPPED):
                continue
            if stage in (Stage.READY, Stage.QC3, Stage.QC4):  # its batch goes on
                batch = self.memory.get(Batch, frame.batch)
                assert batch.stage == ("open" if stage is Stage.READY else stage)
                assert stage is not Stage.READY or frame.sample is None
                continue
            # Somebody can do the next step, or the lead can give it to somebody, or take it out.
            moves = [move for move in MOVES if move.stage is stage]
            able = {person.id for person in people for move in moves if person.role_set & set(move.roles)}
            assert able & {person.id for person in leads}


def describe_refusals(new: Sequence[Event]) -> list[str]:
    """Return what was refused, in words."""
    return [event.reason for event in new if event.kind is Kind.REFUSED]
