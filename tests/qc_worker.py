"""Processes that work on a review, and can be killed: ``python -m tests.qc_worker``.

It imports what they need once and forks them on request, so that hundreds of them can be started and killed in a
minute. A request is a line of JSON on stdin: ``{"fork": TASK, ...}`` is answered by the number of the process, and
``{"wait": PID}`` by its exit status.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from iddkit.qc import queue
from iddkit.qc.stages import Action, Role, Stage
from iddkit.qc.state import Frame
from iddkit.qc.store.database import Store, open_store, read_project
from tests.qc_project import CHECKLIST, MARK


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What a worker was told to be done.

    Attributes
    ----------
    seq, hash
        Of the latest event of the transaction.
    kind, frame, revision
        ``submitted`` or a verdict, and what it is about.
    sha256
        Of the file that was handed in.
    """

    seq: int
    hash: str
    kind: str
    frame: int
    revision: int
    sha256: str = ""


def read_acknowledged(path: Path) -> list[Acknowledged]:
    """Return what a worker wrote down; its last line may be cut."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [Acknowledged(*json.loads(line)) for line in lines]


def work_on(url: str, *, names: list[str], acks: str, seed: int, durable: bool, errors: float) -> None:
    """Hand in and review whatever there is, as all these people in turn, until there is nothing left to do."""
    store = open_store(url, durable=durable)
    dice = random.Random(seed)
    with store.reading() as connection:
        folder = store.files(read_project(connection))
    # Not buffered: what is written is with the system, which goes on when this process does not.
    descriptor = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        attempts = (_work_once(store, name, dice, folder, errors) for name in dice.sample(names, len(names)))
        done = next((found for found in attempts if found is not None), None)
        if done is None:
            break
        os.write(descriptor, json.dumps([getattr(done, name) for name in done.__slots__]).encode() + b"\n")
    store.close()


def _work_once(store: Store, name: str, dice: random.Random, folder: Path, errors: float) -> Acknowledged | None:
    with store.writing() as work:
        person = queue.find_person(work, name)
        stage = Stage.ESCALATED if Role.LEAD in person.role_set else None
        task = queue.take_next(work, person, stage)
    if task is None:
        return None
    number = task.frame.id
    if task.frame.stage in (Stage.ANNOTATE, Stage.REPAIR, Stage.ESCALATED):
        handin = queue.read_handin(_draw(folder, task.frame, dice), folder)
        with store.writing() as work:
            outcome = queue.submit(work, work.state.get(Frame, number), person, handin, seconds=60)
        assert not outcome.conflict
        return Acknowledged(*work.last, "submitted", number, outcome.revision.number, handin.sha256)
    verdict = Action.FAIL if dice.random() < errors else Action.PASS
    marks = [MARK] if verdict is Action.FAIL else []
    with store.writing() as work:
        frame = work.state.get(Frame, number)
        event = queue.review(work, frame, person, verdict, checklist=CHECKLIST, marks=marks, seconds=30)
    return Acknowledged(event.seq, event.hash, verdict, number, event.revision or 0)


def _draw(folder: Path, frame: Frame, dice: random.Random) -> Path:
    # No two versions of a frame are one, though the dice of two runs may fall alike: a repair has to change something.
    corner = [dice.randrange(1, 2048), dice.randrange(1, 1024)]
    shape = {"label": "road", "polygon": [[0, 0], [corner[0], 0], corner]}
    path = folder.parent / f"drawn-{os.getpid()}" / f"{frame.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"imgHeight": 1024, "imgWidth": 2048, "objects": [shape], "after": frame.revisions}))
    return path


TASKS: Final[dict[str, Callable[..., None]]] = {"work_on": work_on}


@dataclass(frozen=True, slots=True)
class Workers:
    """The process that forks workers."""

    process: subprocess.Popen[str]

    def fork(self, task: str, **options: Any) -> int:
        return self._ask({"fork": task, **options})

    def wait(self, pid: int) -> int:
        """Return how a worker ended: 0, or minus the number of the signal."""
        return self._ask({"wait": pid})

    def _ask(self, request: dict[str, Any]) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the process that forks workers has ended"
        return int(answer)


@contextlib.contextmanager
def start_workers(errors: IO[bytes]) -> Iterator[Workers]:
    """Start the process that forks workers; what they say of errors goes to a file."""
    root = Path(__file__).parent.parent
    # Threads that an import starts are not there after a fork.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.qc_worker"],
        cwd=root,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,
    )
    try:
        yield Workers(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            continue
        try:
            TASKS[request.pop("fork")](**request)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)


if __name__ == "__main__":
    main()
