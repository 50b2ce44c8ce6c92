from __future__ import annotations

import os

import pytest

from iddkit.errors import OptionError
from iddkit.workers import run_tasks


def square(number: int) -> int:
    return number * number


def process_of(_: int) -> int:
    return os.getpid()


def divide(number: int) -> int:
    return 1 // number


def die(number: int) -> int:
    os._exit(number)


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_has_its_result(jobs: int) -> None:
    assert sorted(run_tasks(square, range(50), jobs)) == [number * number for number in range(50)]
    assert list(run_tasks(square, [], jobs)) == []


def test_one_process_keeps_the_order() -> None:
    assert list(run_tasks(square, range(20), 1)) == [number * number for number in range(20)]


def test_work_is_shared_among_other_processes_if_there_is_enough_of_it() -> None:
    assert os.getpid() not in set(run_tasks(process_of, range(50), 2))
    assert set(run_tasks(process_of, range(3), 2)) == {os.getpid()}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bug_in_the_work_is_no_result(jobs: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(run_tasks(divide, range(50), jobs))


def test_workers_that_are_killed_are_one_line() -> None:
    with pytest.raises(OptionError, match="the worker processes ended"):
        list(run_tasks(die, range(50), 2))
