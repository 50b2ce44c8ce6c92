"""What all tests share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

# Before PyTorch is loaded: threads that wait for work by spinning stop every other process of the test run.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

from tests.qc_stores import databases as databases
from tests.qc_stores import postgresql as postgresql
from tests.qc_stores import sqlite as sqlite
from tests.qc_stores import store as store

# No deadline: a shared machine stalls now and then, and speed is measured in benchmarks/. The same examples in
# every run, so that a failure means that the code changed; 'pytest --hypothesis-profile=explore' looks for new ones.
slow_is_fine = [HealthCheck.too_slow]
settings.register_profile(
    "iddkit", deadline=None, max_examples=60, suppress_health_check=slow_is_fine, derandomize=True, database=None
)
settings.register_profile("explore", deadline=None, max_examples=2000, suppress_health_check=slow_is_fine)
settings.load_profile("iddkit")

DATA = Path(__file__).parent / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-on-skip", action="store_true", help="a skipped test is a failure (for CI)")
    parser.addoption("--postgres", metavar="URL", help="test on this server; its user may make and drop databases")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.skipped and item.config.getoption("--fail-on-skip") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where nothing may be skipped: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    """Treat a module that skips itself as a whole like a test that does."""
    report = yield
    if report.skipped and collector.config.getoption("--fail-on-skip"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where nothing may be skipped: {report.longrepr}"
    return report


Writer = Callable[..., Path]


@pytest.fixture
def write_polygons(tmp_path: Path) -> Writer:
    """Return a function that writes a Cityscapes polygon file: objects are (label, points) or whole dicts."""

    def write(
        name: str = "gtFine/train/0/frame0000_gtFine_polygons.json",
        objects: Sequence[Any] = (),
        size: tuple[int, int] = (16, 12),
    ) -> Path:
        items = [o if isinstance(o, dict) else {"label": o[0], "polygon": o[1]} for o in objects]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"imgWidth": size[0], "imgHeight": size[1], "objects": items}))
        return path

    return write


@pytest.fixture(autouse=True, scope="session")
def _user_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests out of the cache folder of the user, and the user's caches out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
