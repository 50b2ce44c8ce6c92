"""Random people do random things to a review, allowed and not, on both databases; and then it comes to an end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from iddkit.errors import OptionError, RefusedError
from iddkit.qc import queue
from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.events import to_microseconds
from iddkit.qc.stages import Action, Role, Stage, moves_from
from iddkit.qc.state import OPEN, Batch, Frame, Person, Sample
from iddkit.qc.store.database import open_store
from iddkit.qc.store.work import Work
from tests.qc_invariants import Watch, describe_refusals
from tests.qc_project import CHECKLIST, MARK, MINOR, check_log, is_exploring, make_handin, make_index, start_review
from tests.qc_stores import Databases

# Actions in all on both databases: 100,000 when there is time to look for what is new.
EXAMPLES, STEPS = (400, 100) if is_exploring() else (24, 100)

STRANGE = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

TEAM = {"lea": "l", "ann": "a", "bo": "a", "cy": "ra", "sue": "s", "sal": "sl", "rex": "r", "eve": "e"}

#: All that was done, by the name of the database.
DONE: Counter[str] = Counter()

HOUR = 3600 * 10**6

numbers = st.integers(0, 29)
verdicts = st.sampled_from([Action.PASS, Action.PASS, Action.FAIL])
plans = st.sampled_from(
    [
        SamplingPlan("fixed", n=1, c=0),
        SamplingPlan("fixed", n=2, c=1),
        SamplingPlan("fraction"),
        SamplingPlan("zero-defect", fraction="0.5", bad_from="minor"),
        SamplingPlan("fixed", n=3, c=1, curtailed=True),
        SamplingPlan("sequential", aql="5%", rql="60%", producer_risk="20%", consumer_risk="20%"),
    ]
)


class Reviews(RuleBasedStateMachine):
    """A review that anybody does anything to."""

    def __init__(self, databases: Databases) -> None:
        super().__init__()
        self.databases = databases
        self.url = databases.make(True)
        self.store = open_store(self.url, durable=False)

    def teardown(self) -> None:
        try:
            if self.is_sound:  # what comes after a failure would hide it
                self.finish()
                check_log(self.store)
        finally:
            self.store.close()
            self.databases.drop(self.url)

    expected = 0
    is_sound = False

    @initialize(count=st.integers(2, 6), rounds=st.integers(0, 2), plan=plans, depth=st.integers(0, 8))
    def start(self, count: int, rounds: int, plan: SamplingPlan, depth: int) -> None:
        every: dict[str, Any] = {"max_rounds": rounds, "plan3": plan.to_json(), "plan4": plan.to_json()}
        self.now = start_review(self.store, count, TEAM, **every).now
        self.watch = Watch(self.store)
        self.files = 100
        self.watch.follow()
        self.expected = count
        self.is_sound = True
        names = ("ann", "bo", "sue", "rex", "eve", "lea")
        team = [person for name in names for person in self.watch.people() if person.name == name]
        for _ in range(depth):
            self.carry_on(*team)

    def act(self, action: Callable[..., object], *args: object, **options: object) -> Any:
        """Do something; whatever comes of it, all that has to hold holds."""
        self.is_sound = False
        self.now += timedelta(minutes=1)
        result, refused, wrong = None, "", False
        try:
            with self.store.writing(self.now) as work:
                result = action(work, *args, **options)
        except RefusedError as error:
            refused = str(error)
        except OptionError:
            wrong = True
        new = self.watch.follow()
        assert describe_refusals(new) == ([refused] if refused else [])
        assert not refused or len(new) == 1
        assert not wrong or not new
        assert len(self.watch.frames()) == self.expected
        DONE[self.databases.kind] += 1
        self.is_sound = True
        return result

    def person(self, number: int) -> Person:
        people = self.watch.people()
        return people[number % len(people)]

    def frame(self, number: int) -> Frame:
        frames = self.watch.frames()
        return frames[number % len(frames)]

    def batch(self, number: int) -> Batch:
        batches = self.watch.batches()
        return batches[number % len(batches)]

    def next_file(self) -> queue.HandIn:
        self.files += 1
        return make_handin(self.files)

    @rule(seed=st.integers(0, 2**16), count=st.integers(1, 12), errors=st.sampled_from([0, 0.1, 0.5]))
    def work_on(self, seed: int, count: int, errors: float) -> None:
        """People do what they are asked to."""
        dice = random.Random(seed)
        for _ in range(count):
            person = self.watch.memory.get(Person, dice.choice(self.watch.people()).id)
            leads = Role.LEAD in person.role_set
            stage = dice.choice([None, Stage.ESCALATED, Stage.QC1, Stage.QC2]) if leads else None
            task = self.act(queue.take_next, person, stage)
            if task is None:
                continue
            frame = self.watch.memory.get(Frame, task.frame.id)
            assert frame.claimant == person.id
            if frame.stage in (Stage.ANNOTATE, Stage.REPAIR, Stage.ESCALATED):
                self.hand_in(person, frame, self.next_file())
            else:
                verdict = Action.FAIL if dice.random() < errors else Action.PASS
                self.judge(person, frame, verdict, dice.random() < 0.3)

    @rule(seed=st.integers(0, 2**16), errors=st.sampled_from([0, 0, 0.3]), leave=st.booleans())
    def move_batch(self, seed: int, errors: float, leave: bool) -> None:
        """A batch goes one step on, if it can."""
        dice = random.Random(seed)
        batch = self.batch(seed)
        lead = next(p for p in self.watch.people() if p.active and Role.LEAD in p.role_set)
        if batch.stage == OPEN:
            self.act(queue.freeze, batch, lead, leave_to="rest" if leave else None)
            batch = self.watch.memory.get(Batch, batch.id)
        if batch.stage not in (Stage.QC3, Stage.QC4):
            return
        sample = None if batch.sample is None else self.watch.memory.get(Sample, batch.sample)
        if sample is None or sample.verdict:
            self.act(queue.draw_sample, batch, lead, seed=self.next_file().file_name)
        role = Role.RESEARCHER if batch.stage == Stage.QC3 else Role.EXPERT
        able = [person for person in self.watch.people() if role in person.role_set and person.active]
        drawn = [f for f in self.watch.frames() if f.batch == batch.id and f.sample is not None and not f.verdict]
        for frame in sorted(drawn, key=lambda frame: frame.position or 0):
            if able:
                verdict = Action.FAIL if dice.random() < errors else Action.PASS
                self.judge(dice.choice(able), frame, verdict, dice.random() < 0.2)
        batch = self.watch.memory.get(Batch, batch.id)
        self.act(queue.conclude, batch, lead)

    def hand_in(self, person: Person, frame: Frame, handin: queue.HandIn, base: int | None = None) -> Any:
        return self.act(queue.submit, frame, person, handin, seconds=60, base=base)

    def judge(
        self, person: Person, frame: Frame, verdict: Action, minor: bool = False, revision: int | None = None
    ) -> None:
        marks = [] if verdict is Action.PASS else [MINOR if minor else MARK]
        options: dict[str, Any] = {"checklist": CHECKLIST, "marks": marks, "seconds": 30, "revision": revision}
        self.act(queue.review, frame, person, verdict, **options)

    @rule(who=numbers, which=numbers, file=st.none() | st.integers(1, 3), base=st.none() | st.integers(0, 3))
    def submit(self, who: int, which: int, file: int | None, base: int | None) -> None:
        handin = self.next_file() if file is None else make_handin(file)
        before, frame = self.watch.counts.total(), self.frame(which)
        outcome = self.hand_in(self.person(who), frame, handin, base)
        if outcome is not None and outcome.was_there:
            assert self.watch.counts.total() == before

    @rule(who=numbers, which=numbers, verdict=verdicts, minor=st.booleans(), stale=st.sampled_from([0, 0, 0, 1]))
    def review(self, who: int, which: int, verdict: Action, minor: bool, stale: int) -> None:
        frame = self.frame(which)
        self.judge(self.person(who), frame, verdict, minor, frame.revision - 1 if stale else None)

    @rule(who=numbers, which=numbers, verdict=verdicts)
    def review_in_role(self, who: int, which: int, verdict: Action) -> None:
        """One who has the role looks at what can be looked at, whether it is theirs to look at or not."""
        stages = {Stage.QC1, Stage.QC2, Stage.QC3, Stage.QC4, Stage.RECHECK}
        frames = [frame for frame in self.watch.frames() if frame.stage in stages]
        if frames:
            frame = frames[which % len(frames)]
            roles = {role for move in moves_from(Stage(frame.stage)) if move.action is verdict for role in move.roles}
            able = [person for person in self.watch.people() if person.role_set & roles]
            self.judge(able[who % len(able)] if able else self.person(who), frame, verdict)

    @rule(who=numbers, which=numbers)
    def review_as_holder(self, who: int, which: int) -> None:
        frame = self.frame(which)
        if frame.holder is not None:
            self.judge(self.watch.memory.get(Person, frame.holder), frame, Action.FAIL if who % 3 else Action.PASS)

    @rule(who=numbers, stage=st.none() | st.sampled_from(list(Stage)))
    def take(self, who: int, stage: Stage | None) -> None:
        person = self.person(who)
        self.act(queue.take_next, person, stage)

    @rule(who=numbers, which=numbers)
    def release(self, who: int, which: int) -> None:
        person, frame = self.person(who), self.frame(which)
        self.act(queue.release, frame, person)

    @rule(who=numbers, which=numbers, by=numbers)
    def give(self, who: int, which: int, by: int) -> None:
        person, frame, actor = self.person(who), self.frame(which), self.person(by % 3)
        self.act(queue.give, frame, person, actor)

    @rule(which=numbers, by=numbers, leave=st.sampled_from([None, "rest", "b", "more"]))
    def freeze(self, which: int, by: int, leave: str | None) -> None:
        batch, actor = self.batch(which), self.person(by)
        self.act(queue.freeze, batch, actor, leave_to=leave)

    @rule(which=numbers, by=numbers, plan=st.none() | plans, seed=st.sampled_from(["1", "2", "3"]))
    def draw_sample(self, which: int, by: int, plan: SamplingPlan | None, seed: str) -> None:
        batch, actor = self.batch(which), self.person(by)
        self.act(queue.draw_sample, batch, actor, plan=plan, seed=seed)

    @rule(which=numbers, by=numbers)
    def conclude(self, which: int, by: int) -> None:
        batch, actor = self.batch(which), self.person(by)
        self.act(queue.conclude, batch, actor)

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(data=st.data(), what=st.integers(0, 6), which=numbers, by=numbers)
    def upset(self, data: st.DataObject, what: int, which: int, by: int) -> None:
        """What happens now and then: frames are dropped, people come and go, rules change."""
        frame, person, actor, batch = self.frame(which), self.person(which), self.person(by % 2), self.batch(which)
        match what:
            case 0:
                self.act(queue.drop, frame, actor, data.draw(st.sampled_from(["blurred", " "])))
            case 1:
                dropped = [frame for frame in self.watch.frames() if frame.stage == Stage.DROPPED]
                frame = dropped[which % len(dropped)] if dropped else frame
                self.act(queue.restore, frame, actor, data.draw(st.sampled_from([None, batch])))
            case 2:
                begin = to_microseconds(self.now) + data.draw(st.integers(-5, 20)) * HOUR
                until = data.draw(st.none() | st.integers(0, 40).map(lambda hours: begin + hours * HOUR))
                self.act(queue.set_absence, person, actor, begin, until)
            case 3:
                active = data.draw(st.sampled_from([None, True, True, False]))
                roles = data.draw(st.none() | st.sets(st.sampled_from(Role)))
                self.act(queue.change_person, person, actor, roles=roles, active=active)
            case 4:
                roles = data.draw(st.sets(st.sampled_from(Role), max_size=2))
                self.act(queue.add_person, f"new{len(self.watch.people()) % 14}", roles, actor)
            case 5:
                rounds, plan = data.draw(st.integers(0, 2)), data.draw(plans)
                self.act(queue.change_project, actor, max_rounds=rounds, plan4=plan.to_json())
            case _:
                self.add_frames(data.draw(st.integers(1, 8)), actor, data.draw(st.sampled_from(["b", "more", " "])))

    def add_frames(self, count: int, actor: Person, batch: str) -> None:
        known = self.expected

        def add(work: Work) -> None:
            added = queue.add_frames(work, make_index(count), batch, actor)
            self.expected = known + added.added

        self.act(add)

    def finish(self) -> None:
        """New people come, whom nothing hinders, and bring every frame to its end: none is lost, none is stuck."""
        self.now += timedelta(days=30)  # claims lapse
        lead = next(p for p in self.watch.people() if p.active and Role.LEAD in p.role_set)
        roles = [Role.ANNOTATOR, Role.ANNOTATOR, Role.SUPERVISOR, Role.RESEARCHER, Role.EXPERT, Role.LEAD]
        team = [self.act(queue.add_person, f"last{i}", [role], lead) for i, role in enumerate(roles)]
        drawer, peer, supervisor, researcher, expert, boss = team
        plan = SamplingPlan("fixed", n=1, c=0).to_json()
        self.act(queue.change_project, boss, max_rounds=3, plan3=plan, plan4=plan)
        self.act(queue.add_batch, "at last", boss.id)
        for _ in range(12):  # each stage once, and some twice
            self.carry_on(drawer, peer, supervisor, researcher, expert, boss)
        left = {frame.key: frame.stage for frame in self.watch.frames() if frame.stage != Stage.ACCEPTED}
        assert not left, "frames that nobody could bring to an end"

    def carry_on(
        self, drawer: Person, peer: Person, supervisor: Person, researcher: Person, expert: Person, boss: Person
    ) -> None:
        """Bring each frame and each batch one step on, by people who were given it."""
        open_batch = [batch for batch in self.watch.batches() if batch.stage == OPEN][-1:]
        for frame in self.watch.frames():
            match frame.stage:
                case Stage.ANNOTATE | Stage.REPAIR | Stage.ESCALATED:
                    self.act(queue.give, frame, drawer, boss)
                    self.hand_in(drawer, self.watch.memory.get(Frame, frame.id), self.next_file())
                case Stage.QC1 | Stage.QC2:
                    judge = peer if frame.stage == Stage.QC1 else supervisor
                    self.act(queue.give, frame, judge, boss)
                    self.judge(judge, self.watch.memory.get(Frame, frame.id), Action.PASS)
                case Stage.RECHECK:
                    self.act(queue.give, frame, expert, boss)
                    self.judge(expert, self.watch.memory.get(Frame, frame.id), Action.PASS)
                case Stage.QC3 | Stage.QC4 if frame.sample is not None and not frame.verdict:
                    self.judge(researcher if frame.stage == Stage.QC3 else expert, frame, Action.PASS)
                case Stage.DROPPED:
                    self.act(queue.restore, frame, boss, *open_batch)
        for batch in self.watch.batches():
            members = {frame.stage for frame in self.watch.frames() if frame.batch == batch.id}
            sample = None if batch.sample is None else self.watch.memory.get(Sample, batch.sample)
            if batch.stage == OPEN and members == {Stage.READY}:
                self.act(queue.freeze, batch, researcher)
            elif batch.stage in (Stage.QC3, Stage.QC4) and members == {batch.stage}:
                if sample is None or sample.verdict:
                    seed = self.next_file().file_name
                    self.act(queue.draw_sample, batch, boss, seed=seed)
                else:
                    self.act(queue.conclude, batch, boss)


def test_a_review_keeps_its_promises_whatever_people_do(databases: Databases) -> None:
    run_state_machine_as_test(
        lambda: Reviews(databases),  # type: ignore[arg-type]
        settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, suppress_health_check=STRANGE),
    )
    assert DONE[databases.kind] > (50_000 if is_exploring() else 1000)
