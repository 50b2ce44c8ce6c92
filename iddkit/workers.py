"""Work in worker processes, that end when and as the parent does."""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import numpy as np

from iddkit.errors import OptionError

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K")

# Tasks handed to a worker at once: enough to hide the hand-over, few enough to lose little when killed.
_BATCH = 8

# New objects after which Python looks for cycles among them.
_OBJECTS_BETWEEN = 50_000


def run_all(
    do: Callable[[T], R],
    tasks: Sequence[T],
    jobs: int,
    preload: Sequence[str],
    key: Callable[[R], K],
    progress: Callable[[int, int], None] | None = None,
) -> dict[K, R]:
    """Return the results of all tasks by their keys, and say after each how many of how many are done.

    Parameters
    ----------
    do, tasks, jobs, preload
        As `run_tasks` takes them.
    key
        Of a result.
    progress
        Called with the number of tasks that are done, and of all.
    """
    found: dict[K, R] = {}
    with closing(run_tasks(do, tasks, jobs, preload)) as results:
        for result in results:
            found[key(result)] = result
            if progress is not None:
                progress(len(found), len(tasks))
    return found


def _do_all(do: Callable[[T], R], tasks: Sequence[T]) -> list[R]:
    return [do(task) for task in tasks]


def run_tasks(
    do: Callable[[T], R], tasks: Sequence[T], jobs: int, preload: Sequence[str] = ()
) -> Generator[R, None, None]:
    """Yield the result of each task, in the order in which they are done.

    Parameters
    ----------
    do
        The work: a function of a module, which tells of a task's failure in its result.
    tasks
        What it is called with; tasks and results travel between processes.
    jobs
        Worker processes; 1 for none but this one.
    preload
        Modules that the workers need, loaded once for all of them where the system can do that.

    Raises
    ------
    OptionError
        The workers were killed, or could not start.
    """
    batches = [tasks[i : i + _BATCH] for i in range(0, len(tasks), _BATCH)]
    if jobs == 1 or len(batches) < 2:
        _keep_freed_memory()
        with _rare_collections():
            for task in tasks:
                yield do(task)
        return
    with _pool(min(jobs, len(batches)), preload) as pool:
        waiting: set[Future[list[R]]] = set()
        try:
            for batch in batches:
                with _interrupts_held_back():  # it may start a worker, which is not to be left half started
                    waiting.add(pool.submit(_do_all, do, batch))
                # A few batches ahead, not all: what waits is memory.
                if len(waiting) >= 3 * jobs:
                    finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in finished:
                        yield from future.result()
            for future in as_completed(waiting):
                yield from future.result()
        except BrokenProcessPool as error:
            problem = (
                "the worker processes ended: killed, perhaps for want of memory (fewer jobs need less), or never "
                "started (a script that asks for several jobs needs 'if __name__ == \"__main__\":')"
            )
            raise OptionError(problem) from error


@contextmanager
def _pool(jobs: int, preload: Sequence[str]) -> Iterator[ProcessPoolExecutor]:
    # Not by plain fork: the parent's libraries hold threads, and a fork in that state can hang.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        from multiprocessing import forkserver, resource_tracker  # not to be had on Windows

        context.set_forkserver_preload(["iddkit.workers", *preload])
        resource_tracker.ensure_running()  # which lifts every mask when it starts
        with _interrupts_held_back():
            forkserver.ensure_running()
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        # Ctrl-C among them: what runs is finished and recorded by nobody, what waits is dropped.
        pool.shutdown(wait=True, cancel_futures=True)
        raise


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    # Ctrl-C reaches every process of the group, and a worker is not to be left half started. What starts meanwhile
    # inherits the mask of this thread: the server of the workers and the workers never see the signal. This process
    # may take it in any of its threads, so its handler waits as well.
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    came: list[tuple[Any, ...]] = []
    handler = signal.signal(signal.SIGINT, lambda *arguments: came.append(arguments))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if came and callable(handler):
        handler(*came[0])


@contextmanager
def _rare_collections() -> Iterator[None]:
    # A frame is read into thousands of objects without a cycle among them: looking for cycles after each 700 of them
    # takes a tenth of the time.
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _keep_freed_memory() -> None:
    # glibc gives the memory of a frame back to the system and takes it again, page by page, for the next one. One
    # allocation just below its largest threshold, freed at once and never touched, teaches it to keep such memory.
    np.empty(2**25 - 2**16, dtype=np.uint8)


def _start_worker() -> None:
    _keep_freed_memory()
    gc.set_threshold(_OBJECTS_BETWEEN, *gc.get_threshold()[1:])
    _follow_the_parent()


def _follow_the_parent() -> None:
    # The parent decides what an interrupt means, and a worker must not outlive a parent that was killed.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
