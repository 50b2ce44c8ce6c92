"""Measure how long the review page takes from a key to what is then seen, in Chromium.

Usage: python benchmarks/review_page.py [--frames 30] [--size 1920x1080] [--read 1.5] [--chromium PATH]

Synthetic streets with JPEG images wait at QC2 in a project of SQLite, which 'iddkit qc serve' serves on this machine. A
supervisor switches the labels off and on at each frame (key o), reads it for so many seconds, passes it and goes on
(keys p and n). Both times are taken inside the page: from the key's event to the first frame of the screen after the
picture was painted anew. There is no peer: none of the tools that were looked at has a page of this kind that opens
offline. Needs Playwright (pip install playwright) and Chromium (apt-get install chromium).
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from iddkit import formats, frames, synthetic
from iddkit.qc import accounts, queue
from iddkit.qc.checklist import load_checklist
from iddkit.qc.stages import Action, Role
from iddkit.qc.state import Frame
from iddkit.qc.store.database import create_store

PASSWORD: Final = "correct horse"

#: Sends keys, and returns the milliseconds until an attribute of the canvas has changed and the screen has followed.
MEASURE: Final = """([keys, attribute]) => new Promise((done) => {
  const canvas = document.querySelector("canvas");
  const start = performance.now();
  const seen = new MutationObserver(() => {
    seen.disconnect();
    requestAnimationFrame(() => done(performance.now() - start));
  });
  seen.observe(canvas, { attributeFilter: [attribute] });
  for (const key of keys) canvas.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
})"""


def make_project(folder: Path, count: int, size: tuple[int, int]) -> str:
    """Make a project whose frames wait at QC2; return its database."""
    from PIL import Image

    root = folder / "idd"
    for number in range(count):
        scene, name = synthetic.scene(number, width=size[0], height=size[1]), f"frame{number:04d}"
        for kind in ("gtFine", "leftImg8bit"):
            (root / kind / "train/0").mkdir(parents=True, exist_ok=True)
        content = formats.dumper("cityscapes")(scene.annotation)
        (root / f"gtFine/train/0/{name}_gtFine_polygons.json").write_bytes(content)
        Image.fromarray(synthetic.render(scene)).save(root / f"leftImg8bit/train/0/{name}_leftImg8bit.jpg", quality=92)
    url = str(folder / "qc.db")
    store, checklist = create_store(url), load_checklist()
    with store.writing() as work:
        queue.start_project(work, "street")
        lead = queue.add_person(work, "lea", [Role.LEAD])
        ann, bo = (queue.add_person(work, name, [Role.ANNOTATOR], lead) for name in ("ann", "bo"))
        sue = queue.add_person(work, "sue", [Role.SUPERVISOR], lead)
        queue.add_frames(work, frames.scan(root), "B1", lead)
        accounts.set_password(work.connection, sue, PASSWORD)
    for number in range(1, count + 1):
        with store.looking() as work:
            frame, project = work.state.get(Frame, number), work.project
        handin = queue.read_handin(Path(frame.root, frame.annotation), store.files(project), frame, project)
        with store.writing() as work:
            queue.submit(work, frame, ann, handin)
            queue.review(work, work.state.get(Frame, number), bo, Action.PASS, checklist=checklist)
    store.close()
    return url


def measure(address: str, chromium: str, count: int, read: float) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each switch of the labels, and of each way to the next frame."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    switches: list[float] = []
    steps: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(f"{address}/sign-in")
        page.get_by_label("Name").fill("sue")
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("button:enabled", has_text="Sign in").wait_for()
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}/")
        page.keyboard.press("n")
        page.locator("canvas[data-frame]:not([data-frame=''])").wait_for()
        for place in range(count - 1):
            time.sleep(read)
            switches += [page.evaluate(MEASURE, [["o"], "data-overlay"]) for _ in range(2)]
            time.sleep(read)
            steps.append(page.evaluate(MEASURE, [["p", "n"], "data-frame"]))
            print(f"{place + 1} of {count - 1}: {steps[-1]:.0f} ms", end="\r", file=sys.stderr)
        browser.close()
    return switches, steps


def main() -> None:
    """Measure, and print the median and the 95th percentile of both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--read", type=float, default=1.5, help="seconds before each key")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        url = make_project(Path(name), options.frames, (width, height))
        command = [sys.executable, "-m", "iddkit", "qc", "--db", url, "serve", "--port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            try:
                assert server.stderr is not None
                found = re.search(r"http://\S+:\d+", server.stderr.readline())
                assert found is not None
                switches, steps = measure(found.group(), options.chromium, options.frames, options.read)
            finally:
                server.terminate()
    for what, times in (("labels on or off", switches), ("next frame", steps)):
        print(f"{what}: {_describe(times)}")


def _describe(times: list[float]) -> str:
    ordered: Any = sorted(times)
    late = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return f"median {statistics.median(times):.0f} ms, 95 % within {late:.0f} ms, n = {len(times)}"


if __name__ == "__main__":
    main()
