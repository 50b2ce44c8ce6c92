"""Random people do random things to a review, allowed and not, on both databases; and then it comes to an end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from iddkit.errors import OptionError, RefusedError
from iddkit.qc import queue
from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.events import to_microseconds
from iddkit.qc.stages import Action, Role, Stage, moves_from
from iddkit.qc.state import OPEN, Batch, Frame, Person, R, Sample
from iddkit.qc.store.database import open_store
from iddkit.qc.store.work import Work
from iddkit.qc.verify import verify
from tests.qc_invariants import Watch, describe_refusals
from tests.qc_project import CHECKLIST, MARK, MINOR, check_log, is_exploring, make_handin, make_index, start_review
from tests.qc_stores import Databases

# Actions in all on both databases: 100,000 when there is time to look for what is new.
SEEDS, STEPS = (75, 100) if is_exploring() else (8, 60)

STRANGE = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

TEAM = {"lea": "l", "ann": "a", "bo": "a", "cy": "ra", "sue": "s", "sal": "sl", "rex": "r", "eve": "e"}

#: All that was done, by the name of the database.
DONE: Counter[str] = Counter()

#: All that came of it, by the kind of the event.
KINDS: Counter[str] = Counter()

HOUR = 3600 * 10**6

salts = st.integers(0, 2**32 - 1)

PLANS = [
    SamplingPlan("fixed", n=1, c=0),
    SamplingPlan("fixed", n=2, c=1),
    SamplingPlan("fraction"),
    SamplingPlan("zero-defect", fraction="0.5", bad_from="minor"),
    SamplingPlan("fixed", n=3, c=1, curtailed=True),
    SamplingPlan("sequential", aql="5%", rql="60%", producer_risk="20%", consumer_risk="20%"),
]


class Reviews(RuleBasedStateMachine):
    """A review that anybody does anything to."""

    def __init__(self, databases: Databases, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.databases = databases
        self.url = databases.make(True)
        self.store = open_store(self.url, durable=False)

    def teardown(self) -> None:
        try:
            if self.is_sound:  # what comes after a failure would hide it
                self.finish()
                check_log(self.store)
                assert verify(self.store, files=False).findings == ()
        finally:
            self.store.close()
            self.databases.drop(self.url)

    expected = 0
    is_sound = False

    @initialize(salt=salts)
    def start(self, salt: int) -> None:
        dice = random.Random(f"{self.seed} {salt}")
        count, rounds, plan = dice.randint(2, 6), dice.randint(0, 2), dice.choice(PLANS)
        every: dict[str, Any] = {"max_rounds": rounds, "plan3": plan.to_json(), "plan4": plan.to_json()}
        self.now = start_review(self.store, count, TEAM, **every).now
        self.watch = Watch(self.store)
        self.files, self.steps = 100, 0
        self.watch.follow()
        self.expected = count
        self.is_sound = True
        names = ("ann", "bo", "sue", "rex", "eve", "lea")
        team = [person for name in names for person in self.watch.people() if person.name == name]
        for _ in range(dice.randint(0, 8)):
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
        self.new = new = self.watch.follow()
        assert describe_refusals(new) == ([refused] if refused else [])
        assert not refused or len(new) == 1
        assert not wrong or not new
        assert len(self.watch.frames()) == self.expected
        DONE[self.databases.kind] += 1
        KINDS.update(str(event.kind) for event in new)
        self.is_sound = True
        return result

    def pick(self, dice: random.Random, kind: type[R]) -> R:
        rows = self.watch.memory.rows[kind]
        return self.watch.memory.get(kind, *dice.choice(sorted(rows)))

    def lead(self) -> Person:
        return next(person for person in self.watch.people() if person.active and Role.LEAD in person.role_set)

    def actor(self, dice: random.Random) -> Person:
        """Mostly one who may do what only a lead may."""
        return self.lead() if dice.random() < 0.8 else self.pick(dice, Person)

    def next_file(self) -> queue.HandIn:
        self.files += 1
        return make_handin(self.files)

    def hand_in(self, person: Person, frame: Frame, handin: queue.HandIn, base: int | None = None) -> Any:
        return self.act(queue.submit, frame, person, handin, seconds=60, base=base)

    def judge(
        self, person: Person, frame: Frame, verdict: Action, minor: bool = False, revision: int | None = None
    ) -> None:
        marks = [] if verdict is Action.PASS else [MINOR if minor else MARK]
        options: dict[str, Any] = {"checklist": CHECKLIST, "marks": marks, "seconds": 30, "revision": revision}
        self.act(queue.review, frame, person, verdict, **options)

    # Hypothesis chooses how long it goes on; what is done is chosen by lot, since each kind of action has its weight.
    @rule(salt=salts)
    def do_something(self, salt: int) -> None:
        self.steps += 1
        dice = random.Random(f"{self.seed} {self.steps} {salt}")
        (action,) = dice.choices(list(self.weights), list(self.weights.values()))
        getattr(self, action)(dice)

    weights: ClassVar[dict[str, int]] = {
        "work_on": 12,
        "move_batch": 5,
        "review_in_role": 6,
        "review": 3,
        "submit": 4,
        "take": 4,
        "release": 1,
        "give": 3,
        "wait": 2,
        "freeze": 1,
        "draw": 1,
        "conclude": 1,
        "drop": 1,
        "restore": 2,
        "be_absent": 1,
        "change_person": 2,
        "join": 1,
        "change_settings": 1,
        "plant": 8,
        "add_frames": 1,
    }

    def work_on(self, dice: random.Random) -> None:
        """People do what they are asked to."""
        errors = dice.choice([0, 0.1, 0.3])
        for _ in range(dice.randint(1, 5)):
            person = self.pick(dice, Person)
            leads = Role.LEAD in person.role_set
            stage = dice.choice([None, Stage.ESCALATED, Stage.QC1, Stage.QC2]) if leads else None
            task = self.act(queue.take_next, person, stage)
            if task is None or dice.random() < 0.2:  # they are at it still
                continue
            frame = self.watch.memory.get(Frame, task.frame.id)
            assert frame.claimant == person.id
            if frame.stage in (Stage.ANNOTATE, Stage.REPAIR, Stage.ESCALATED):
                self.hand_in(person, frame, self.next_file())
            else:
                verdict = Action.FAIL if dice.random() < errors else Action.PASS
                self.judge(person, frame, verdict, dice.random() < 0.3)

    def move_batch(self, dice: random.Random) -> None:
        """A batch goes one step on, if it can."""
        batch, errors = self.pick(dice, Batch), dice.choice([0, 0, 0.2, 0.8])
        lead = self.lead()
        if batch.stage == OPEN:
            self.act(queue.freeze, batch, lead, leave_to=dice.choice([None, "rest", "rest"]))
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
        self.act(queue.conclude, self.watch.memory.get(Batch, batch.id), lead)

    def review(self, dice: random.Random) -> None:
        frame, verdict = self.pick(dice, Frame), dice.choice([Action.PASS, Action.FAIL])
        stale = frame.revision - 1 if dice.random() < 0.3 else None
        self.judge(self.pick(dice, Person), frame, verdict, dice.random() < 0.3, stale)

    def review_in_role(self, dice: random.Random) -> None:
        """One who has the role looks at what can be looked at, whether it is theirs to look at or not."""
        stages = {Stage.QC1, Stage.QC2, Stage.QC3, Stage.QC4, Stage.RECHECK}
        frames = [frame for frame in self.watch.frames() if frame.stage in stages]
        frame, verdict = dice.choice(frames or self.watch.frames()), dice.choice([Action.PASS, Action.FAIL])
        roles = {role for move in moves_from(Stage(frame.stage)) if move.action is verdict for role in move.roles}
        able = [person for person in self.watch.people() if person.role_set & roles]
        self.judge(dice.choice(able or self.watch.people()), frame, verdict)

    def submit(self, dice: random.Random) -> None:
        handin = make_handin(dice.randint(1, 3)) if dice.random() < 0.4 else self.next_file()
        outcome = self.hand_in(self.pick(dice, Person), self.pick(dice, Frame), handin, dice.choice([None, None, 0, 1]))
        assert outcome is None or not outcome.was_there or not self.new

    def take(self, dice: random.Random) -> None:
        self.act(queue.take_next, self.pick(dice, Person), dice.choice([*[None] * 10, *Stage]))

    def release(self, dice: random.Random) -> None:
        claimed = [frame for frame in self.watch.frames() if frame.claimant is not None]
        self.act(queue.release, dice.choice(claimed or self.watch.frames()), self.pick(dice, Person))

    def give(self, dice: random.Random) -> None:
        self.act(queue.give, self.pick(dice, Frame), self.pick(dice, Person), self.actor(dice))

    def wait(self, dice: random.Random) -> None:
        self.now += timedelta(hours=dice.randint(1, 30))

    def freeze(self, dice: random.Random) -> None:
        leave = dice.choice([None, "rest", "b", "more"])
        self.act(queue.freeze, self.pick(dice, Batch), self.pick(dice, Person), leave_to=leave)

    def draw(self, dice: random.Random) -> None:
        plan, seed = dice.choice([None, *PLANS]), dice.choice("123")
        self.act(queue.draw_sample, self.pick(dice, Batch), self.pick(dice, Person), plan=plan, seed=seed)

    def conclude(self, dice: random.Random) -> None:
        self.act(queue.conclude, self.pick(dice, Batch), self.pick(dice, Person))

    def drop(self, dice: random.Random) -> None:
        self.act(queue.drop, self.pick(dice, Frame), self.actor(dice), dice.choice(["blurred", "blurred", " "]))

    def restore(self, dice: random.Random) -> None:
        dropped = [frame for frame in self.watch.frames() if frame.stage == Stage.DROPPED]
        frame = dice.choice(dropped or self.watch.frames())
        self.act(queue.restore, frame, self.actor(dice), dice.choice([None, self.pick(dice, Batch)]))

    def be_absent(self, dice: random.Random) -> None:
        begin = to_microseconds(self.now) + dice.randint(-5, 20) * HOUR
        until = dice.choice([None, begin + dice.randint(0, 40) * HOUR])
        self.act(queue.set_absence, self.pick(dice, Person), self.actor(dice), begin, until)

    def change_person(self, dice: random.Random) -> None:
        roles = dice.choice([None, dice.sample(list(Role), dice.randint(0, 3))])
        active = dice.choice([None, True, True, False])
        self.act(queue.change_person, self.pick(dice, Person), self.actor(dice), roles=roles, active=active)

    def join(self, dice: random.Random) -> None:
        roles = dice.sample(list(Role), dice.randint(0, 2))
        self.act(queue.add_person, f"new{dice.randint(1, 8)}", roles, self.actor(dice))

    def change_settings(self, dice: random.Random) -> None:
        plans = {"plan3": dice.choice(PLANS).to_json(), "plan4": dice.choice(PLANS).to_json()}
        self.act(queue.change_project, self.actor(dice), max_rounds=dice.randint(0, 2), **plans)

    def add_frames(self, dice: random.Random) -> None:
        actor, index, batch = self.actor(dice), make_index(dice.randint(1, 8)), dice.choice(["b", "more", " "])
        known = self.expected

        def add(work: Work) -> None:
            added = queue.add_frames(work, index, batch, actor)
            self.expected = known + added.added

        self.act(add)

    def plant(self, dice: random.Random) -> None:
        stages = {Stage.QC1, Stage.QC2, Stage.QC3, Stage.QC4}
        frames = [frame for frame in self.watch.frames() if frame.stage in stages]
        frame = dice.choice(frames) if frames and dice.random() < 0.9 else self.pick(dice, Frame)
        person = self.pick(dice, Person) if dice.random() < 0.3 else None
        copy = queue.Copy(self.next_file().sha256, "gap", None, "", (1, 2, 3, 4))
        self.act(queue.plant, frame, self.actor(dice), copy, person=person)

    def finish(self) -> None:
        """New people come, whom nothing hinders, and bring every frame to its end: none is lost, none is stuck."""
        self.now += timedelta(days=30)  # claims lapse
        lead = self.lead()
        roles = [Role.ANNOTATOR, Role.ANNOTATOR, Role.SUPERVISOR, Role.RESEARCHER, Role.EXPERT, Role.LEAD]
        team = [self.act(queue.add_person, f"last{i}", [role], lead) for i, role in enumerate(roles)]
        drawer, peer, supervisor, researcher, expert, boss = team
        plan = SamplingPlan("fixed", n=1, c=0).to_json()
        self.act(queue.change_project, boss, max_rounds=3, plan3=plan, plan4=plan)
        self.act(queue.add_batch, "at last", boss.id)
        for _ in range(14):  # each stage once, and some twice; what is planted is judged first
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
    bounds = settings(max_examples=4, stateful_step_count=STEPS, suppress_health_check=STRANGE)
    # Hypothesis varies what it has tried before, and repeats much of it: other seeds make it try something else.
    for seed in range(SEEDS):
        run_state_machine_as_test(partial(Reviews, databases, seed), settings=bounds)  # type: ignore[arg-type]
    assert DONE[databases.kind] > (50_000 if is_exploring() else 1000)
    assert KINDS["planted"] > KINDS["probed"] > 0
