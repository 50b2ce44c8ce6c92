"""The review page in a browser, from the sign-in to the certificate."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("playwright", reason="needs playwright")
pytest.importorskip("fastapi", reason="needs iddkit[web]: fastapi is not installed")
pytest.importorskip("argon2", reason="needs iddkit[web]: argon2-cffi is not installed")


from sqlalchemy import select

from iddkit import formats, labels
from iddkit.qc import queue
from iddkit.qc.queue.planting import plant_by_lot
from iddkit.qc.stages import Stage
from iddkit.qc.state import Frame
from iddkit.qc.store.database import Store
from iddkit.qc.store.tables import events, frames
from iddkit.qc.verify import verify
from iddkit.raster import paint
from tests.chromium import CHROMIUM, Visitor, launch, serving
from tests.web_browsers import PASSWORD, TEAM, bring, give_passwords, make_passwords_quick, make_street

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Playwright, Request, Route

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@dataclass
class Project:
    """A project that is served.

    Attributes
    ----------
    store, address
        Its database, and where it is served.
    browse
        Opens the pages for one who is signed in.
    """

    store: Store
    address: str
    browse: Callable[..., Visitor]

    def annotation(self, number: int) -> Path:
        """Return the polygons of a frame."""
        with self.store.looking() as work:
            frame = work.state.get(Frame, number)
        return Path(frame.root, frame.annotation)

    def verdicts(self) -> list[tuple[int, str, str, str]]:
        """Return frame, stage, verdict and reasons of all reviews, in order."""
        columns = (events.c.frame, events.c.stage, events.c.verdict, events.c.reason)
        with self.store.reading() as connection:
            query = events.select().with_only_columns(*columns).where(events.c.kind == "reviewed")
            return [tuple(row) for row in connection.execute(query.order_by(events.c.seq))]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """What drives the browsers."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One browser for all tests; each has its own profile in it."""
    started = launch(playwright)
    yield started
    started.close()


@pytest.fixture
def project(
    request: pytest.FixtureRequest, tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A served project of so many frames (`request.param`, by default 3), none of them handed in."""
    make_passwords_quick(monkeypatch)
    team = {name: role for name, role in TEAM.items() if name != "cy"}  # ann has one peer
    store = make_street(tmp_path, {"B1": getattr(request, "param", 3)}, size=(320, 180), team=team)
    give_passwords(store)
    visitors: list[Visitor] = []

    def browse(name: str, browser: Browser = browser, **settings: Any) -> Visitor:
        visitor = Visitor(browser, address, **settings)
        visitors.append(visitor)
        if name:
            visitor.sign_in(name, PASSWORD)
        return visitor

    with serving(store) as address:
        yield Project(store, address, browse)
        errors = [error for visitor in visitors for error in visitor.errors]
        for visitor in visitors:
            print(visitor.tell())  # which is shown if the test fails
            visitor.context.close()
    store.close()
    assert errors == []


def bring_all(project: Project, stage: Stage) -> None:
    """Hand in all frames as ann does, and pass them up to a stage."""
    with project.store.reading() as connection:
        numbers = list(connection.execute(select(frames.c.id).order_by(frames.c.id)).scalars())
    for number in numbers:
        bring(project.store, number, stage)


def begin_reviewing(project: Project) -> tuple[Visitor, str]:
    """Bring all frames to QC2, and let sue take the first; returns her and its key."""
    bring_all(project, Stage.QC2)
    sue = project.browse("sue")
    sue.press("n")
    return sue, sue.await_frame()


def await_tiles(visitor: Visitor, count: int) -> Locator:
    """Open the grid and wait until so many tiles show their pictures; returns all tiles."""
    visitor.go("/grid")
    visitor.page.locator(".tile[data-shown=true]").nth(count - 1).wait_for()
    return visitor.page.locator(".tile")


def find_spot(path: Path) -> tuple[int, int, int, str]:
    """Return x and y of a pixel at which one of the larger things of a frame is seen, its number and its label."""
    label_map, annotation = labels.load("idd"), formats.read(path).annotation
    painting = paint(annotation, label_map, "pillow", unknown="void")
    counts = painting.pixel_counts()[1:]
    things = [place for place, one in enumerate(painting.objects) if label_map[one.label].has_instances]  # type: ignore[index]
    place = max(things, key=lambda place: counts[place])
    rows, columns = np.nonzero(painting.index == place + 1)
    middle = len(rows) // 2
    one = painting.objects[place]
    return int(columns[middle]), int(rows[middle]), one.number, str(one.label)


def test_a_link_brings_a_password_and_the_password_brings_back(project: Project) -> None:
    lea, ann = project.browse("lea"), project.browse("")
    lea.go("/dashboard")
    lea.page.get_by_label("A link by which").select_option("ann")
    lea.page.get_by_role("button", name="Make it").click()
    link = lea.page.get_by_label("Send it to them alone")
    link.wait_for()
    ann.go(link.input_value().removeprefix(project.address))
    ann.page.get_by_label("Choose a password").fill("a new horse")
    ann.page.get_by_role("button", name="Begin").click()
    ann.page.wait_for_url(f"{project.address}/")
    ann.page.get_by_role("button", name="Sign out").click()
    ann.page.wait_for_url(f"{project.address}/sign-in")
    ann.go("/")
    ann.page.wait_for_url(f"{project.address}/sign-in")
    ann.sign_in("ann", "a new horse")
    ann.page.get_by_role("heading", name="My repairs").wait_for()


def test_a_lead_gives_back_what_another_has_and_sees_what_is_planted(project: Project) -> None:
    sue, first = begin_reviewing(project)
    lea = project.browse("lea")
    lea.go("/dashboard")
    lea.page.get_by_role("button", name=f"Release {first}").click()
    lea.page.get_by_text(f"Done: Release {first}").wait_for()
    lea.page.get_by_text("Nobody has a frame in hand").wait_for()
    lea.page.locator("#plant [name=stage]").select_option("qc1")
    lea.page.get_by_role("button", name="Plant by lot").click()
    lea.page.get_by_text("planted now: none waits for a review that was asked for").wait_for()
    lea.page.locator("#plant [name=stage]").select_option("qc2")
    lea.page.get_by_role("button", name="Plant by lot").click()
    lea.page.get_by_text("Planted: 1.").wait_for()
    lea.page.get_by_role("region", name="All that was planted").get_by_text("open").wait_for()
    # Whoever had the frame open can still judge it: nobody else has it.
    sue.press("p", "n")
    sue.await_frame(other_than=first)
    sue.press("h")
    sue.page.get_by_text("QC2: passed").wait_for()
    assert verify(project.store).findings == ()


def test_three_browsers_bring_a_batch_from_hand_in_to_certificate(
    project: Project, playwright: Playwright, browser: Browser, tmp_path: Path
) -> None:
    others = [launch(playwright) for _ in range(2)]
    ann, bo, sue = (project.browse(n, b) for n, b in zip(("ann", "bo", "sue"), (browser, *others), strict=True))
    for number in (1, 2, 3):
        ann.go("/")
        ann.press("n")
        ann.await_frame()
        ann.page.get_by_label("Hand in").set_input_files(project.annotation(number))
        ann.page.get_by_text("now at qc1").wait_for()
    # The peer marks an object of the first frame, and sends it back.
    x, y, number, label = find_spot(project.annotation(1))
    bo.press("n")
    first = bo.await_frame()
    bo.click_pixel(x, y)
    bo.page.get_by_text(f"object {number}, {label}").wait_for()
    bo.page.get_by_role("combobox", name="Reason").select_option("boundary")
    bo.page.get_by_label("Words").fill("too wide on the left")
    bo.press("Enter")  # marks, and leaves the field
    bo.page.locator("#marks li").wait_for()
    bo.press("x", "n")
    bo.await_frame(other_than=first)
    # The annotator reads why, and hands it in again.
    bo.press("h")
    bo.page.wait_for_url(f"{project.address}/")
    ann.go("/")
    repair = ann.page.locator("article.repair")
    assert f"object {number}" in repair.inner_text()
    assert "too wide on the left" in repair.inner_text()
    repair.get_by_role("link").click()
    assert ann.await_frame() == first
    mended = tmp_path / "mended.json"
    mended.write_bytes(project.annotation(1).read_bytes().replace(b'"sky"', b'"building"', 1))
    ann.page.get_by_label("Hand in").set_input_files(mended)
    ann.page.get_by_text("revision 2").first.wait_for()
    # All pass both reviews, while all three work.
    for visitor, count in ((bo, 3), (sue, 3)):
        visitor.go("/")
        visitor.press("n")
        key = visitor.await_frame()
        for _ in range(count - 1):
            visitor.press("p", "n")
            key = visitor.await_frame(other_than=key)
        visitor.press("p", "n")
        visitor.page.wait_for_url(f"{project.address}/")
    # Their successors judge the samples.
    rex, eve, lea = (project.browse(n, b) for n, b in zip(("rex", "eve", "lea"), (browser, *others), strict=True))
    for visitor, stage in ((rex, "QC3"), (eve, "QC4")):
        visitor.go("/batches/1")
        if stage == "QC3":
            visitor.page.get_by_role("button", name="Freeze the batch").click()
        visitor.page.get_by_role("button", name=f"Draw the {stage} sample").click()
        visitor.page.locator("#running").wait_for()
        assert "1 more image to look at" in visitor.page.locator("#running").inner_text()
        visitor.go("/")
        visitor.press("n")
        visitor.await_frame()
        visitor.page.get_by_text("0 of 1 looked at").wait_for()
        visitor.press("p", "n")
        visitor.page.wait_for_url(f"{project.address}/")
        visitor.go("/batches/1")
        visitor.page.get_by_role("button", name=f"Conclude {stage}").click()
        visitor.page.locator(f"#conclude:has-text('{stage}')").wait_for(state="detached")
    lea.go("/batches/1")
    lea.page.get_by_text("The batch passed both samples.").wait_for()
    lea.page.get_by_role("link", name="What the samples show").click()
    lea.page.get_by_text(re.compile("QC4")).first.wait_for()
    assert "B1" in lea.page.title() + lea.page.locator("h1").inner_text()
    assert [row[:3] for row in project.verdicts()][:1] == [(1, "qc1", "fail")]
    assert verify(project.store).findings == ()
    for other in others:
        other.close()


@pytest.mark.parametrize("project", [50], indirect=True)
def test_fifty_frames_take_two_keys_each(project: Project) -> None:
    bring_all(project, Stage.QC2)
    sue = project.browse("sue")
    sue.press("n")
    key, before = sue.await_frame(), sue.pressed
    for _ in range(49):
        sue.press("p", "n")
        key = sue.await_frame(other_than=key)
    sue.press("p", "n")
    sue.page.wait_for_url(f"{project.address}/")
    assert sue.pressed - before <= 2 * 50
    passed = [row for row in project.verdicts() if row[1] == "qc2"]
    assert sorted(row[0] for row in passed) == list(range(1, 51))


def test_zoom_and_place_stay_when_labels_are_switched_and_at_the_next_frame(project: Project) -> None:
    sue, key = begin_reviewing(project)
    whole = sue.place()
    sue.page.locator("canvas").hover(position={"x": 200, "y": 150})
    sue.page.mouse.wheel(0, -400)
    sue.press("ArrowLeft")
    canvas = sue.page.locator("canvas")
    sue.page.locator(f"canvas:not([data-view='{' '.join(f'{v:g}' for v in whole)}'])").wait_for()
    _settle(sue)
    before = canvas.get_attribute("data-view")
    sue.press("o")
    sue.page.locator("canvas[data-overlay=false]").wait_for()
    assert canvas.get_attribute("data-view") == before
    sue.press("o")
    sue.page.locator("canvas[data-overlay=true]").wait_for()
    sue.press("p", "n")
    sue.await_frame(other_than=key)
    _settle(sue)
    assert canvas.get_attribute("data-view") == before
    assert sue.place() != whole


def _settle(visitor: Visitor) -> None:
    """Wait until what was asked to be painted is painted: two frames of the screen."""
    visitor.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_a_verdict_can_be_taken_back_until_the_next_one_is_given(project: Project) -> None:
    sue, first = begin_reviewing(project)
    sue.press("p", "n")
    second = sue.await_frame(other_than=first)
    assert project.verdicts()[-1][1] == "qc1"  # nothing of it was sent
    sue.press("u")
    assert sue.await_frame(other_than=second) == first
    sue.press("x", "n")
    assert sue.await_frame(other_than=first) == second
    sue.press("p", "n")
    sue.await_frame(other_than=second)
    sue.press("u", "h")  # the third frame has no verdict: that on the second is taken back, and it stays to be done
    sue.page.wait_for_url(f"{project.address}/")
    judged = [row[:3] for row in project.verdicts() if row[1] == "qc2"]
    assert judged == [(1, "qc2", "fail")]


def test_marks_survive_a_reload(project: Project) -> None:
    sue, _ = begin_reviewing(project)
    sue.press("r", "m")
    sue.page.reload()
    sue.await_frame()
    sue.page.locator("#marks li").wait_for()
    sue.press("x", "h")
    assert [row[1] for row in project.verdicts()] == ["qc1"] * 3  # a verdict is given by 'next'


def test_a_verdict_without_a_network_is_kept_and_sent_once(project: Project) -> None:
    sue, first = begin_reviewing(project)
    sue.cut()
    sue.press("p", "n")
    sue.page.get_by_text("Your verdict is kept here").wait_for()
    assert sue.page.locator("#key").inner_text() == first
    sue.context.set_offline(False)
    second = sue.await_frame(other_than=first)
    sue.press("p", "n")
    sue.await_frame(other_than=second)
    sue.press("h")
    sue.page.wait_for_url(f"{project.address}/")
    assert [row[:3] for row in project.verdicts() if row[1] == "qc2"] == [(1, "qc2", "pass"), (2, "qc2", "pass")]


def test_a_verdict_whose_answer_is_lost_counts_once(project: Project) -> None:
    sue, _ = begin_reviewing(project)
    lost: list[int] = []

    def lose_first_answer(route: Route) -> None:
        answer = route.fetch()
        if not lost:
            lost.append(answer.status)
            route.abort("connectionreset")
        else:
            route.fulfill(response=answer)

    sue.route("**/verdict", lose_first_answer)
    key = sue.page.locator("#key").inner_text()
    sue.press("p", "n")
    sue.await_frame(other_than=key)
    sue.press("h")
    sue.page.get_by_text("Not sent").wait_for()
    sue.press("h")
    sue.page.wait_for_url(f"{project.address}/")
    assert lost == [200]
    assert [row[:3] for row in project.verdicts() if row[1] == "qc2"] == [(1, "qc2", "pass")]
    assert verify(project.store).findings == ()


def test_a_verdict_is_sent_by_the_next_page_and_only_for_who_gave_it(project: Project) -> None:
    sue, _ = begin_reviewing(project)
    sue.cut()
    sue.press("p", "n")
    sue.page.get_by_text("Your verdict is kept here").wait_for()
    sue.page.close()
    sue.context.set_offline(False)
    sue.context.clear_cookies()
    sue.page = sue.open()
    sue.sign_in("rex", PASSWORD)
    sue.page.get_by_role("heading", name="My repairs").wait_for()
    sue.context.clear_cookies()
    sue.sign_in("sue", PASSWORD)
    sue.page.get_by_text("QC2: passed").wait_for()
    assert [row[:3] for row in project.verdicts() if row[1] == "qc2"] == [(1, "qc2", "pass")]
    with project.store.looking() as work:  # whoever signed in meanwhile
        query = select(events.c.actor).where(events.c.stage == "qc2", events.c.kind == "reviewed")
        assert work.connection.execute(query).scalar_one() == queue.find_person(work, "sue").id


def test_what_was_kept_is_sent_once_though_the_page_is_loaded_again(project: Project) -> None:
    sue, _ = begin_reviewing(project)
    sue.route("**/verdict", lambda route: route.abort())
    sue.route("**/tasks/next", lambda route: route.abort())
    sue.press("x", "n")
    sue.page.get_by_text("Your verdict is kept here").wait_for()
    sue.page.unroute_all()
    # Leaving the page sends it, and so does the page that is loaded: that it came is seen there.
    sue.page.reload()
    sue.page.locator("#standing", has_text="repair").or_(sue.page.locator("#take")).first.wait_for(state="attached")
    sue.press("h")
    sue.page.get_by_text("QC2: failed").wait_for()
    assert [row[:3] for row in project.verdicts() if row[1] == "qc2"] == [(1, "qc2", "fail")]
    assert verify(project.store).findings == ()


def test_a_verdict_outlives_the_session_in_which_it_was_given(project: Project) -> None:
    sue, first = begin_reviewing(project)
    sue.press("p", "n")
    sue.await_frame(other_than=first)
    sue.context.clear_cookies()
    sue.press("p", "n")
    sue.page.wait_for_url(f"{project.address}/sign-in")
    assert [row[1] for row in project.verdicts()] == ["qc1"] * 3
    sue.sign_in("sue", PASSWORD)
    sue.page.get_by_role("row", name="QC2: passed 2").wait_for()
    assert [row[:3] for row in project.verdicts() if row[1] == "qc2"] == [(1, "qc2", "pass"), (2, "qc2", "pass")]


def test_undo_comes_before_a_next_frame_that_is_still_on_its_way(project: Project) -> None:
    sue, first = begin_reviewing(project)
    slow: list[Route] = []
    sue.route("**/tasks/next", lambda route: slow.append(route))
    with sue.page.expect_request("**/tasks/next"):
        sue.press("r", "m", "x", "n")
    sue.press("u")
    sue.page.get_by_text("The verdict was taken back").wait_for()
    with sue.page.expect_response("**/tasks/next"):
        slow[0].continue_()
    _settle(sue)
    assert sue.await_frame() == first
    sue.page.reload()  # what was marked is there all the same
    sue.await_frame()
    sue.page.locator("#marks li").wait_for()
    sue.press("h")
    sue.page.wait_for_url(f"{project.address}/")
    assert [row[1] for row in project.verdicts()] == ["qc1"] * 3


@pytest.mark.parametrize("project", [14], indirect=True)
def test_tiles_that_stay_can_be_judged_while_more_are_on_their_way(project: Project) -> None:
    bring_all(project, Stage.QC2)
    sue = project.browse("sue")
    await_tiles(sue, 12)
    count = sue.page.locator("#count")
    slow: list[Route] = []
    sue.route("**/tasks/several", lambda route: slow.append(route))
    with sue.page.expect_request("**/tasks/several"):
        sue.press(*["p"] * 10, "n")
    count.filter(has_text="0 of 2").wait_for()
    sue.press("x")
    count.filter(has_text="1 of 2").wait_for()
    slow[0].continue_()
    count.filter(has_text="1 of 4").wait_for()
    with sue.page.expect_request("**/tasks/several"):
        sue.press("n")
    sue.press("u")  # that of the one before, which comes back in front of the others
    count.filter(has_text="1 of 4").wait_for()
    with sue.page.expect_response("**/tasks/several"):
        slow[1].continue_()
    _settle(sue)
    assert count.inner_text() == "1 of 4"
    sue.page.unroute_all()
    sue.press("h")
    sue.page.wait_for_url(f"{project.address}/")
    judged = [row[2] for row in project.verdicts() if row[1] == "qc2"]
    assert sorted(judged) == ["fail"] + ["pass"] * 10


@pytest.mark.parametrize("project", [14], indirect=True)
def test_a_grid_is_judged_by_keys_alone(project: Project) -> None:
    bring_all(project, Stage.QC2)
    sue = project.browse("sue")
    tiles = await_tiles(sue, 12)
    assert tiles.count() == 12
    sue.press("p", "x", "ArrowRight", "p", "u", "ArrowLeft", "ArrowLeft", "u")
    assert [tiles.nth(place).get_attribute("data-verdict") for place in range(5)] == ["pass", "fail", "", "pass", ""]
    sue.press("a", "n")
    sue.page.locator("#count", has_text="0 of 2").wait_for()
    assert not [row for row in project.verdicts() if row[1] == "qc2"]  # held until the next page is judged
    sue.press("u")
    sue.page.locator("#count", has_text="12 of 14").wait_for()
    sue.press("n")
    sue.page.locator("#count", has_text="0 of 2").wait_for()
    sue.page.locator(".tile[data-shown=true]").nth(1).wait_for()
    sue.press("a", "h")
    sue.page.wait_for_url(f"{project.address}/")
    judged = [row[1:3] for row in project.verdicts() if row[1] == "qc2"]
    assert sorted(judged) == [("qc2", "fail")] + [("qc2", "pass")] * 13
    assert verify(project.store).findings == ()


def test_a_grid_never_shows_the_picture_of_another_file(project: Project) -> None:
    bring_all(project, Stage.QC2)
    plant_by_lot(project.store, "lea", stage=Stage.QC2, reviewer="sue", frames=["train/0/frame0000"])
    sue = project.browse("sue")
    await_tiles(sue, 3)
    first = sue.page.locator(".tile img").first
    copy = first.get_attribute("src") or ""
    sue.press("p", "n")  # only the copy
    sue.page.locator(f".tile img[src='{copy}']").wait_for(state="detached")
    sue.press("a")
    with sue.page.expect_response("**/frames/1/thumbnail*") as shown:
        sue.press("n")
    assert shown.value.url.removeprefix(project.address) != copy
    assert shown.value.body() != sue.page.request.get(project.address + "/api/v1/frames/2/thumbnail").body()
    sue.page.locator(".tile[data-shown=true]").wait_for()
    sue.press("p", "n")
    sue.page.get_by_text("Nothing to do").wait_for()
    with project.store.reading() as connection:
        judged = select(events.c.frame, events.c.kind).where(events.c.stage == "qc2", events.c.verdict == "pass")
        assert sorted(map(tuple, connection.execute(judged))) == [
            (1, "probed"),
            (1, "reviewed"),
            (2, "reviewed"),
            (3, "reviewed"),
        ]


def test_nobody_passes_tiles_that_are_not_shown(project: Project) -> None:
    bring_all(project, Stage.QC2)
    sue = project.browse("sue")
    sue.route("**/frames/2/thumbnail*", lambda route: route.abort())
    await_tiles(sue, 2)
    sue.page.locator(".tile", has_text="cannot be shown").wait_for()
    sue.press("a")
    sue.page.get_by_text("1 that are not shown are left out.").wait_for()
    assert sue.page.locator("#count").inner_text() == "2 of 3"
    sue.press("ArrowRight", "p", " ")
    assert sue.page.locator("#count").inner_text() == "2 of 3"
    sue.press("x")
    assert sue.page.locator("#count").inner_text() == "3 of 3"


def test_a_verdict_that_no_longer_fits_the_marks_is_not_given(project: Project) -> None:
    sue, first = begin_reviewing(project)
    sue.press("p", "m", "n")
    sue.page.get_by_text("A frame with a major or critical mark fails").wait_for()
    sue.press("x", "Backspace", "n")
    sue.page.get_by_text("A frame fails for a reason").wait_for()
    assert sue.page.locator("#key").inner_text() == first
    sue.press("u", "x", "u", "p")  # what failing marked by itself went with it
    assert sue.page.locator("#marks li").count() == 0
    sue.press("u", "x", "n")
    second = sue.await_frame(other_than=first)
    sue.press("u")
    assert sue.await_frame(other_than=second) == first
    assert sue.page.locator("#marks li").count() == 0
    sue.press("p", "n")
    sue.await_frame(other_than=first)


def test_a_verdict_that_was_not_given_is_there_when_the_frame_is_shown_again(project: Project) -> None:
    sue, first = begin_reviewing(project)
    sue.press("p", "h")
    sue.page.wait_for_url(f"{project.address}/")
    assert [row[1] for row in project.verdicts()] == ["qc1"] * 3
    sue.press("n")
    assert sue.await_frame() == first
    sue.page.locator("#pass[aria-pressed=true]").wait_for()
    sue.press("n")
    sue.await_frame(other_than=first)


def test_home_sends_what_a_page_that_crashed_had_held_and_nothing_of_another_project(project: Project) -> None:
    sue, first = begin_reviewing(project)
    sue.press("p", "n")
    sue.await_frame(other_than=first)
    # The page is gone without a word, and eleven minutes pass; beside it lies a verdict of another project.
    kept = sue.page.evaluate("""() => {
        const [key] = Object.keys(localStorage).filter((each) => each.startsWith("iddkit.verdict."));
        const value = JSON.parse(localStorage.getItem(key));
        return [key, JSON.stringify({ ...value, at: value.at - 11 * 60_000 }), JSON.stringify({ ...value, frame: 3 })];
    }""")
    owner = kept[0].split(".")[2]
    assert len(owner) == 16
    sue.page.close()
    sue.page = sue.open()
    sue.page.goto(f"{project.address}/static/style.css")
    sue.page.evaluate(
        """([key, value, other, owner]) => {
            localStorage.clear();
            localStorage.setItem(key, value);
            localStorage.setItem(key.replace(owner, "0123456789abcdef"), other);
        }""",
        [*kept, owner],
    )
    sue.go("/")
    sue.page.get_by_text("QC2: passed").wait_for()
    assert [row[:3] for row in project.verdicts() if row[1] == "qc2"] == [(1, "qc2", "pass")]


def test_beats_are_sent_one_after_another(project: Project) -> None:
    under_way: list[Request] = []
    most: list[int] = []

    def begin(request: Request) -> None:
        if "/beat" in request.url:
            under_way.append(request)
            most.append(len(under_way))

    def end(request: Request) -> None:
        if request in under_way:  # not of a beat that was under way before this test looked
            under_way.remove(request)

    sue, first = begin_reviewing(project)
    sue.page.on("request", begin)
    sue.page.on("requestfinished", end)
    sue.press("p", "n")
    second = sue.await_frame(other_than=first)
    sue.press("p", "n")
    sue.await_frame(other_than=second)
    _settle(sue)
    assert len(most) >= 2
    assert max(most) == 1


def test_every_page_fits_a_small_screen_and_names_its_fields(project: Project) -> None:
    bring_all(project, Stage.QC2)
    lea, sue, nobody = project.browse("lea"), project.browse("sue"), project.browse("")
    sue.press("n")
    sue.await_frame()
    frame = sue.page.url.removeprefix(project.address)
    for visitor, path in (
        (sue, frame),
        (sue, "/grid"),
        (sue, "/"),
        (lea, "/dashboard"),
        (lea, "/batches"),
        (lea, "/batches/1"),
        (lea, "/"),
        (nobody, "/sign-in"),
        (nobody, "/welcome"),
        (nobody, "/nowhere"),
    ):
        visitor.go(path)
        visitor.page.locator("main").wait_for()
        if path == "/grid":
            visitor.page.locator(".tile").first.wait_for()
        found = visitor.page.evaluate(_LOOK)
        assert found == {"wide": 0, "nameless": [], "faint": []}, path


def test_all_keys_are_shown_and_the_focus_is_seen(project: Project) -> None:
    sue, _ = begin_reviewing(project)
    sue.press("?")
    keys = sue.page.locator("dialog[open] kbd").all_inner_texts()
    assert {*"pxnumolifjkrtbsydcvgweh,.[]+-?", "⌫", "1 ... 9"} <= {*keys}
    sue.press("Escape")
    for _ in range(3):
        sue.press("Tab")
    focused = sue.page.locator(":focus-visible")
    assert focused.count() == 1
    assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


def test_all_is_reached_by_the_tabulator_and_shows_that_it_is(project: Project) -> None:
    bring_all(project, Stage.QC2)
    lea, sue = project.browse("lea"), project.browse("sue")
    sue.press("n")
    sue.await_frame()
    frame = sue.page.url.removeprefix(project.address)
    for visitor, path in ((sue, frame), (sue, "/"), (lea, "/dashboard"), (lea, "/batches/1")):
        visitor.go(path)
        if path == frame:
            visitor.await_frame()
        visitor.page.evaluate(_COUNT)
        reached, last = set[str](), ""
        for _ in range(200):
            visitor.press("Tab")
            at = visitor.page.evaluate(_FOCUSED)  # None between the last and the first
            if at is None or at["place"] == last:  # a date has three parts
                continue
            if at["place"] in reached:
                break
            assert at["outline"] >= 3, (path, at)
            last = at["place"]
            reached.add(last)
        assert visitor.page.evaluate(_UNREACHED, [*reached]) == [], path


def test_a_frame_is_failed_by_keys_alone(project: Project) -> None:
    sue, first = begin_reviewing(project)
    sue.press(".", ".")
    target = sue.page.locator("#target").inner_text()
    assert target.startswith("object ")
    words = sue.page.get_by_label("Words")
    for _ in range(60):
        if words.evaluate("element => element === document.activeElement"):
            break
        sue.press("Tab")
    sue.page.keyboard.type("pn is what it says")  # letters, not keys
    sue.press("Enter", "x", "n")
    sue.await_frame(other_than=first)
    sue.press("h")
    sue.page.wait_for_url(f"{project.address}/")
    (judged,) = (row for row in project.verdicts() if row[1] == "qc2")
    assert judged[:3] == (1, "qc2", "fail")
    with project.store.reading() as connection:
        (data,) = connection.execute(select(events.c.data).where(events.c.stage == "qc2", events.c.verdict == "fail"))
    (mark,) = data[0]["marks"] if isinstance(data[0], dict) else json.loads(data[0])["marks"]
    assert (mark["shape"], mark["text"]) == (int(target.split()[1].strip(",")), "pn is what it says")


def test_frames_are_handed_in_and_given_back_by_keys(project: Project) -> None:
    ann = project.browse("ann")
    ann.page.on("filechooser", lambda chooser: chooser.set_files(project.annotation(1)))
    ann.press("n")
    first = ann.await_frame()
    with ann.page.expect_download() as download:
        ann.press("d")
    assert Path(download.value.path()).read_bytes() == project.annotation(1).read_bytes()
    assert download.value.suggested_filename == project.annotation(1).name
    ann.press("y")
    ann.page.keyboard.type("30")
    ann.press("Enter")
    ann.page.keyboard.press("n")
    ann.page.get_by_text("This frame is still yours").wait_for()
    ann.press("s")
    ann.page.get_by_text("now at qc1").wait_for()
    ann.page.locator("#next:enabled").wait_for()
    ann.press("n")
    ann.await_frame(other_than=first)
    with project.store.reading() as connection:
        handed_in = select(events.c.frame, events.c.seconds).where(events.c.kind == "submitted")
        ((number, seconds),) = connection.execute(handed_in).all()
        assert number == 1
        assert 1800 <= seconds < 1860
    ann.press("b")
    ann.page.wait_for_url(f"{project.address}/")
    with project.store.looking() as work:
        given_back = work.find(Frame, select(frames).where(frames.c.id == 2))
    assert given_back[0].claimant is None


def test_a_verdict_is_made_of_keys(project: Project) -> None:
    sue, first = begin_reviewing(project)
    sue.press("r", "m", "m", "Backspace", "1", "c", "ArrowDown", "Enter", "v")
    sue.page.keyboard.type("critical")
    sue.press("Enter", "g")
    sue.page.keyboard.type("car")
    sue.press("Enter", "m", "e")
    sue.page.locator("#objects[open]").wait_for()
    assert sue.page.locator("#marks li").count() == 2
    sue.press("x", "n")
    sue.await_frame(other_than=first)
    sue.press("h")
    sue.page.wait_for_url(f"{project.address}/")
    with project.store.reading() as connection:
        failed = select(events.c.data).where(events.c.stage == "qc2", events.c.verdict == "fail")
        data = json.loads(connection.execute(failed).scalar_one())
    before, after = data["marks"]
    assert before["reason"] != after["reason"]
    assert (after["severity"], after["label"]) == ("critical", "car")
    assert list(data["answers"].values()) == [True]


def test_what_a_grid_judged_is_sent_however_it_is_left(project: Project) -> None:
    bring_all(project, Stage.QC2)
    sue = project.browse("sue")
    await_tiles(sue, 3)
    sue.press("p")
    sue.page.get_by_role("link", name="Home").click()
    sue.page.get_by_text("QC2: passed").wait_for()
    await_tiles(sue, 2)
    sue.press("x", "ArrowLeft", "o")  # its verdict comes along
    sue.await_frame()
    sue.page.locator("#fail[aria-pressed=true]").wait_for()
    sue.page.locator("#marks li").wait_for()
    sue.press("n")
    sue.page.locator("h1#key", has_text="frame0002").wait_for()
    sue.press("h")
    sue.page.get_by_text("QC2: failed").wait_for()
    judged = [row[:3] for row in project.verdicts() if row[1] == "qc2"]
    assert judged == [(1, "qc2", "pass"), (2, "qc2", "fail")]


def test_what_a_grid_does_not_judge_is_given_back(project: Project) -> None:
    bring_all(project, Stage.QC2)
    sue = project.browse("sue")
    await_tiles(sue, 3)
    sue.press("p", "b")
    sue.page.wait_for_url(f"{project.address}/")
    sue.page.get_by_text("QC2: passed").wait_for()
    with project.store.looking() as work:
        assert [one.claimant for one in work.find(Frame, select(frames).order_by(frames.c.id))] == [None] * 3
    assert [row[:3] for row in project.verdicts() if row[1] == "qc2"] == [(1, "qc2", "pass")]


def test_a_wanted_stage_with_nothing_more_is_told_at_home(project: Project) -> None:
    bring_all(project, Stage.QC1)
    bo = project.browse("bo")
    bo.press("2")
    key = bo.await_frame()
    for place in range(3):
        bo.press("p", "n")
        key = bo.await_frame(other_than=key) if place < 2 else key
    bo.page.wait_for_url(f"{project.address}/")
    bo.page.get_by_text("Nothing more to do at qc1.").wait_for()


def test_all_that_is_wrong_with_a_refused_file_is_listed(project: Project, tmp_path: Path) -> None:
    with project.store.writing() as work:
        queue.change_project(work, queue.find_person(work, "lea"), findings="no-critical")
    document = json.loads(project.annotation(1).read_bytes())
    for x in (10, 60, 110):
        document["objects"].append({"label": "jeep", "polygon": [[x, 1], [x + 40, 1], [x + 40, 20]]})
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(document))
    ann = project.browse("ann")
    ann.press("n")
    ann.await_frame()
    ann.page.locator("#file").set_input_files(bad)
    ann.page.get_by_text("a critical finding").wait_for()
    ann.page.get_by_role("heading", name="The machine says of the file").wait_for()
    unknown = ann.page.locator("#findings button.critical", has_text="unknown-label")
    assert unknown.count() == 3
    unknown.first.click()
    _settle(ann)
    assert ann.page.locator("canvas").get_attribute("data-frame") == "1"


def test_what_cannot_be_shown_is_said(project: Project) -> None:
    bring_all(project, Stage.QC2)
    with project.store.looking() as work:
        images = [Path(one.root, one.image) for one in work.find(Frame, select(frames).order_by(frames.c.id))]
    images[0].unlink()
    images[1].write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    sue = project.browse("sue")
    sue.press("n")
    first = sue.await_frame()
    sue.page.get_by_text("The image cannot be shown: there is no such file").wait_for()
    sue.press("p", "n")
    sue.page.get_by_text("Pass or fail comes first").wait_for()  # what is not shown is not passed
    sue.press("x", "n")
    second = sue.await_frame(other_than=first)
    sue.page.locator("#problem", has_text="The image cannot be shown").wait_for()
    sue.press("x", "n")
    sue.await_frame(other_than=second)
    sue.page.locator("#problem:not([hidden])").wait_for(state="detached")


# How light colours are, and how well two are told apart (WCAG 2.2, 1.4.3 and 1.4.11).
_COLOURS = """
  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const contrast = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.9) return colour;
    }
    return [255, 255, 255];
  };
"""

# What is wider than the screen, fields without a name, and texts with too little contrast.
_LOOK = f"""() => {{{_COLOURS}
  const shown = (element) => element.checkVisibility() && element.textContent.trim();
  const faint = [...document.querySelectorAll("main *, header *")].filter((element) => {{
    if (!shown(element) || element.closest(":disabled")) return false;
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) return false;
    return contrast(parse(getComputedStyle(element).color), behind(element)) < 4.5;
  }});
  const nameless = [...document.querySelectorAll("input, select, textarea, button, a, canvas")].filter((element) => {{
    if (!element.checkVisibility()) return false;
    return !(element.labels?.length || element.textContent.trim() || element.ariaLabel || element.title);
  }});
  const {{ scrollWidth, clientWidth }} = document.documentElement;
  const tell = (elements) => elements.map((element) => element.outerHTML.slice(0, 200));
  return {{ wide: scrollWidth - clientWidth, nameless: tell(nameless), faint: tell(faint) }};
}}"""

# Numbers all that can have the focus, tells which has it and how well its outline is seen, and which had it never.
_COUNT = """() => {
  const all = document.querySelectorAll("a[href], button, input, select, textarea, canvas, summary, [tabindex='0']");
  const usable = [...all].filter((element) => element.checkVisibility() && !element.disabled && element.tabIndex >= 0);
  usable.forEach((element, place) => (element.dataset.place = place));
}"""
_FOCUSED = f"""() => {{{_COLOURS}
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const {{ outlineColor, outlineStyle, outlineWidth }} = getComputedStyle(element);
  const isThere = outlineStyle !== "none" && parse(outlineWidth)[0] >= 2;
  const outline = isThere ? contrast(parse(outlineColor), behind(element.parentElement)) : 0;
  return {{ place: element.dataset.place ?? "", outline, html: element.outerHTML.slice(0, 120) }};
}}"""
_UNREACHED = """(reached) =>
  [...document.querySelectorAll("[data-place]")]
    .filter((element) => !reached.includes(element.dataset.place))
    .map((element) => element.outerHTML.slice(0, 120))"""
