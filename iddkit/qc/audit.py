"""Whether each event of a log was allowed when it was written, given those before it.

The chain of hashes shows that a log is the one that was written, and `iddkit.qc.projection` that its events can follow
one another. Neither shows that the queue wrote them: who writes to the database by other ways can chain a review by one
who drew the frame, or a conclusion that the sample does not have. `Audit` asks of each event what the queue asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from iddkit.errors import UserError, printable, shown
from iddkit.qc.acceptance import SEVERITIES, ResolvedPlan, SamplingPlan
from iddkit.qc.events import Event, Kind
from iddkit.qc.queue.batches import decide_sample
from iddkit.qc.queue.plants import is_caught, is_located
from iddkit.qc.sampling import IMPORTED, Listed, draw, hash_list, seal
from iddkit.qc.stages import REVIEWS, SAMPLED, Action, Role, Stage, find_move
from iddkit.qc.state import OPEN, Batch, Frame, MemoryState, Person, Plant, Revision, Sample
from iddkit.severity import Severity

# What data that are no such data make of a check.
_CANNOT_BE: Final = (
    UserError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    IndexError,
    ArithmeticError,
    RecursionError,
)


class Audit:
    """The rules of the queue, for events in their order.

    Parameters
    ----------
    memory
        The state before each event; whoever replays the log changes it after `check`.
    """

    def __init__(self, memory: MemoryState) -> None:
        self._memory = memory
        self._numbers: dict[str, int] = {}  # of frames, by key
        self._drawn: dict[int, list[int]] = {}  # frames of the open sample of a batch
        self._concluded: dict[int, Action] = {}
        self._planted: dict[int, int] = {}  # the latest copy of a frame
        self._checks: dict[Kind, Callable[[Event], Iterator[str]]] = {
            Kind.FRAME: self._note_frame,
            Kind.SUBMITTED: self._check_submitted,
            Kind.REVIEWED: self._check_reviewed,
            Kind.PLANTED: self._check_planted,
            Kind.PROBED: self._check_probed,
            Kind.DROPPED: self._check_moved,
            Kind.RESTORED: self._check_moved,
            Kind.FROZEN: self._check_frozen,
            Kind.SAMPLE: self._check_sample,
            Kind.CONCLUDED: self._check_concluded,
            Kind.SETTLED: self._check_settled,
        }

    def check(self, event: Event) -> list[str]:
        """Return which rules an event breaks, before it is applied."""
        check = self._checks.get(event.kind)
        if check is None:
            return []
        try:
            return list(check(event))
        except _CANNOT_BE as error:
            reason = error.problem if isinstance(error, UserError) else type(error).__name__
            return [f"whether it was allowed cannot be told ({printable(reason)})"]

    # -- frames

    def _note_frame(self, event: Event) -> Iterator[str]:
        assert event.frame is not None
        self._numbers[event.data["key"]] = event.frame
        yield from ()

    def _check_submitted(self, event: Event) -> Iterator[str]:
        return self._check_role(event, self._frame(event).stage, Action.SUBMIT)

    def _check_moved(self, event: Event) -> Iterator[str]:
        action = Action.DROP if event.kind is Kind.DROPPED else Action.RESTORE
        return self._check_role(event, self._frame(event).stage, action)

    def _check_reviewed(self, event: Event) -> Iterator[str]:
        frame = self._frame(event)
        yield from self._check_judge(event, frame)
        if event.stage != (frame.failed_at if frame.stage == Stage.RECHECK else frame.stage):
            yield f"is a review at {printable(event.stage, 20)} of a frame at {frame.stage}"
        if frame.stage in SAMPLED:
            yield from self._check_sampled(event, frame)

    def _check_judge(self, event: Event, frame: Frame) -> Iterator[str]:
        if event.actor is not None and frame.was_drawn_by(event.actor):
            yield f"{self._name(event.actor)} handed in a version of it, and nobody reviews what they drew"
        yield from self._check_role(event, frame.stage, Action(event.verdict))
        if event.revision != frame.revision:
            yield f"judges revision {shown(event.revision)}, and {frame.revision} counted"

    def _check_sampled(self, event: Event, frame: Frame) -> Iterator[str]:
        if frame.sample is None:
            yield "is of a frame that is in no open sample"
            return
        if frame.verdict:
            yield "is the second verdict on one image of a sample"
        if event.verdict == Action.FAIL:
            least = SEVERITIES.index(_plan(self._memory.get(Sample, frame.sample).plan).bad_from)
            severities = [mark["severity"] for mark in event.data.get("marks", ())]
            if bool(event.data.get("bad")) != any(SEVERITIES.index(severity) <= least for severity in severities):
                yield "calls an image bad, or good, that is not by the plan of its sample"

    # -- planted errors

    def _check_planted(self, event: Event) -> Iterator[str]:
        frame, data = self._frame(event), event.data
        planter = self._memory.get(Person, event.actor or 0)
        if not planter.active or Role.LEAD not in _roles(planter.roles):
            yield f"errors are planted by leads, and {printable(planter.name)} was none"
        if (event.stage, event.revision) != (frame.stage, frame.revision) or frame.stage not in REVIEWS:
            yield f"is of a frame at {frame.stage}, whose revision {frame.revision} counted"
        if frame.verdict or (frame.stage in SAMPLED and frame.sample is None):
            yield "is of a frame that nobody was to judge in a sample"
        if frame.claimant is not None and (frame.claimed_until or 0) > event.at:
            yield f"is of a frame that {self._name(frame.claimant)} worked on"
        if self._memory.get(Revision, frame.id, frame.revision).sha256 == data["sha256"]:
            yield "is the version itself, and no spoiled copy"
        before = self._memory.rows[Plant].get((self._planted.get(frame.id, 0),))
        if isinstance(before, Plant) and before.is_open(frame):
            yield "is the second copy of a frame at a time"
        person = data["person"]
        if person is not None and (person == event.actor or frame.was_drawn_by(person)):
            yield f"is for {self._name(person)}, who planted it or drew the frame"
        if data["plant"] != len(self._memory.rows[Plant]) + 1:
            yield f"has the number {shown(data['plant'])} of another"
        self._planted[frame.id] = data["plant"]

    def _check_probed(self, event: Event) -> Iterator[str]:
        frame, plant = self._frame(event), self._memory.get(Plant, event.data["plant"])
        yield from self._check_judge(event, frame)
        if event.stage != frame.stage:
            yield f"is a review at {printable(event.stage, 20)} of a frame at {frame.stage}"
        if plant.frame != frame.id or not plant.is_open(frame):
            yield "judges a copy that was void, judged before, or of another frame"
        if event.actor == plant.planter or plant.person not in (None, event.actor):
            yield f"{self._name(event.actor or 0)} was not to be shown the copy"
        marks, least = event.data.get("marks", []), None
        if frame.sample is not None:
            least = Severity(_plan(self._memory.get(Sample, frame.sample).plan).bad_from)
        caught = is_caught(event.verdict, marks, least)
        if (event.data["caught"], event.data["located"]) != (caught, caught and is_located(plant, marks)):
            yield "says of the verdict what does not follow from its marks"

    # -- batches

    def _check_frozen(self, event: Event) -> Iterator[str]:
        if event.frame is not None:
            return
        yield from self._check_role(event, Stage.READY, Action.FREEZE)
        stage = self._batch(event).stage
        if stage != OPEN:
            yield f"freezes a batch that is at {stage}"

    def _check_sample(self, event: Event) -> Iterator[str]:
        yield from self._check_batch(event)
        batch, data = self._batch(event), event.data
        number = self._batch_number(event)
        if batch.sample is not None and not self._memory.get(Sample, batch.sample).verdict:
            yield "is drawn before the last sample of its batch is concluded"
        listed = [Listed(*row) for row in data["list"]]
        places = {frame.key: place for place, frame in enumerate(listed)}
        digest, seed, plan = data["list_hash"], data["seed"], data["plan"]
        sample = [self._memory.get(Frame, frame).key for frame in data["positions"]]
        self._drawn[number] = list(data["positions"])
        if len(places) < len(listed) or data["size"] != len(listed):
            yield f"has a list of {len(places)} images and not {shown(data['size'])}"
        if hash_list(listed) != digest:
            yield "has a list with another hash"
        elif batch.stage == Stage.QC3 and digest != batch.list_hash:
            yield "lists other images than were frozen"
        if not all(self._is_as_listed(frame, number, batch.stage) for frame in listed):
            yield "lists images that were not so in the batch then"
        if seal(digest, seed, plan, sample) != data["seal"]:
            yield "has a seal that does not fit list, seed, plan and sample"
        resolved = _resolve(json.dumps(plan, sort_keys=True), len(listed))
        if (resolved.n, resolved.c) != (len(sample), data["allowed"]):
            yield f"has not the n = {resolved.n}, c = {resolved.c} of its plan"
        elif seed != IMPORTED and [listed[place].key for place in draw(listed, resolved.n, seed)] != sample:
            yield "holds other images than its seed draws"
        elif not set(sample) <= places.keys():
            yield "holds images that are not in its list"

    def _is_as_listed(self, listed: Listed, batch: int, stage: str) -> bool:
        frame = self._memory.get(Frame, self._numbers.get(listed.key, 0))
        return (
            (frame.batch, frame.stage, frame.sequence) == (batch, stage, listed.sequence)
            and self._memory.get(Revision, frame.id, frame.revision).sha256 == listed.sha256
            and self._memory.get(Person, frame.editor or 0).name == listed.annotator
        )

    def _check_concluded(self, event: Event) -> Iterator[str]:
        yield from self._check_batch(event)
        number = self._batch_number(event)
        sample = self._memory.get(Sample, self._batch(event).sample or 0)
        if sample.verdict or event.data["sample"] != sample.id:
            yield "concludes no open sample of its batch"
        members = [self._memory.get(Frame, frame) for frame in self._drawn.pop(number, [])]
        self._concluded[number] = Action(event.verdict)
        outcome = {"accept": Action.ACCEPT, "reject": Action.RETURN}.get(decide_sample(sample, members).outcome)
        if event.verdict != outcome:
            said = outcome or "still open"
            yield f"has the verdict {printable(event.verdict, 20)!r}, and by plan and sample it is {str(said)!r}"
        counted = (sum(frame.verdict != "" for frame in members), sum(frame.bad for frame in members))
        if (event.data["seen"], event.data["bad"]) != counted:
            yield f"counts what was not so: {counted[1]} bad among {counted[0]} were seen"

    def _check_settled(self, event: Event) -> Iterator[str]:
        frame = self._frame(event)
        verdict = self._concluded.get(self._batch_number(event))
        action = Action.MEND if frame.bad else verdict
        back = Stage.RECHECK if verdict is Action.ACCEPT else Stage.QC2
        if event.batch != frame.batch or event.data["action"] != action:
            yield "does with a frame what does not follow from the conclusion of its batch"
        elif action is Action.MEND and event.data["back"] != back:
            yield f"sends a bad frame to {shown(event.data['back'])}, and not to {back}"

    def _check_batch(self, event: Event) -> Iterator[str]:
        stage = self._batch(event).stage
        if stage not in SAMPLED or event.stage != stage:
            yield f"is for {printable(event.stage, 20)}, and the batch is at {stage}"
        else:
            yield from self._check_role(event, stage, Action.ACCEPT)

    # -- people

    def _check_role(self, event: Event, stage: str, action: Action) -> Iterator[str]:
        move = find_move(_stage(stage), action)
        if move is None or "import" in event.data:
            return  # the projection names what is no move; who did what is imported is as a log of the past has it
        if event.actor is None:
            yield f"{action} at {stage} was done by nobody"
            return
        person = self._memory.get(Person, event.actor)
        if not person.active:
            yield f"{printable(person.name)} had left"
        if not _roles(person.roles) & set(move.roles):
            yield f"{action} at {stage} is for {' or '.join(move.roles)}, and {printable(person.name)} was none"

    def _name(self, person: int) -> str:
        return printable(self._memory.get(Person, person).name)

    def _frame(self, event: Event) -> Frame:
        return self._memory.get(Frame, event.frame or 0)

    def _batch(self, event: Event) -> Batch:
        return self._memory.get(Batch, event.batch or 0)

    @staticmethod
    def _batch_number(event: Event) -> int:
        return event.batch or 0


_stage: Final = cache(Stage)


@cache
def _roles(roles: str) -> frozenset[Role]:
    return frozenset(Role(role) for role in roles.split(",") if role)


@cache
def _plan(text: str) -> SamplingPlan:
    return SamplingPlan.from_json(json.loads(text))


@cache
def _resolve(text: str, size: int) -> ResolvedPlan:
    return _plan(text).resolve(size)
