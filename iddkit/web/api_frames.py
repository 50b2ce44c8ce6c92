"""``/api/v1/frames``: what a person may know of a frame: its image, the annotation that they are shown, its history."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi import Path as InPath

from iddkit import labels
from iddkit.errors import ImageError, RefusedError, UserError
from iddkit.files import read_bytes, sha256
from iddkit.qc import queue
from iddkit.qc.access import may_see, may_see_sample
from iddkit.qc.checklist import load_checklist
from iddkit.qc.places import annotation_path, image_path, image_size
from iddkit.qc.progress.brief import fetch_shown, read_brief
from iddkit.qc.progress.history import read_history
from iddkit.qc.sight import shown_revision
from iddkit.qc.stages import SAMPLED, Action, Role
from iddkit.qc.state import Frame, Person
from iddkit.qc.store import contents
from iddkit.qc.store.work import Work
from iddkit.web.picture import NOTHING, Drawing, draw, read_picture
from iddkit.web.refusals import answers_with
from iddkit.web.signing import AtDesk, Desk, SignedIn
from iddkit.web.telling import tell_checked, tell_frame
from iddkit.web.thumbnail import draw_thumbnail

router = APIRouter(prefix="/api/v1/frames", tags=["frames"])

FrameId = Annotated[int, InPath(ge=1, le=2**31 - 1)]

#: What is named by its content never changes: a browser may keep it for a day, for its user alone.
_KEPT: Final = {"Cache-Control": "private, max-age=86400, immutable"}


@lru_cache(maxsize=16)
def _draw(content: bytes, name: str, label_map: str, digest: str, size: tuple[int, int] | None) -> tuple[Drawing, str]:
    """Draw a file; returns what names the picture, too. By `digest` labels that were written anew are others."""
    drawing = draw(content, name, label_map, size)
    return drawing, sha256(f"{sha256(content)} {digest} {size}".encode())


def find_seen(work: Work, person: Person, number: int) -> Frame:
    """Return a frame that a person may see; 404 for one that is not there, and for one that they may not see."""
    try:
        frame = work.state.get(Frame, number)
    except KeyError:
        raise HTTPException(404, "no such frame") from None
    if not may_see(work.connection, person, frame):
        raise HTTPException(404, "no such frame")
    return frame


@router.get("/{number}")
def frame(number: FrameId, desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """Tell all there is to know of a frame: where it stands, its objects, what was said of it, what is asked."""
    with desk.store.looking() as work:
        found = find_seen(work, session.person, number)
        brief = read_brief(desk.store, work, found, session.person)
        drawing, digest, problem = _read_drawing(desk, work, found, session.person)
        settings, at, step = work.project, work.at, _step_of(work, found, session.person)
    # While a sample is judged, who is no judge of it must not know which images it holds.
    knows = found.stage not in SAMPLED or may_see_sample(session.person)
    checklist = load_checklist(settings.checklist)
    image = image_path(found)
    is_claimed = found.claimant == session.person.id and (found.claimed_until or 0) > at
    return {
        **tell_frame(found),
        "review": brief.review,
        "step": step,
        "claimed": is_claimed,
        "claimed_until": found.claimed_until if is_claimed else None,
        "by": brief.by,
        "file_name": "" if brief.revision is None else brief.revision.file_name,
        "sha256": "" if brief.revision is None else brief.revision.sha256,
        "image": f"/api/v1/frames/{number}/image" if image is not None else None,
        "index": None if drawing.index is None else f"/api/v1/frames/{number}/index?of={digest}",
        "annotation": f"/api/v1/frames/{number}/annotation" if found.revision or annotation_path(found) else None,
        "width": drawing.width,
        "height": drawing.height,
        "objects": drawing.objects,
        "shapes": drawing.shapes,
        "problem": problem or brief.problem,
        "failures": [one.to_json() for one in brief.failures if knows or one.stage not in SAMPLED],
        **tell_checked(brief.checked),
        "questions": [{"code": asked.code, "text": asked.text} for asked in checklist.of(brief.review)],
        "labels": _name_labels(settings.label_map),
        "reasons": [
            {"code": reason.code, "text": reason.text, "severity": str(reason.severity)} for reason in checklist.reasons
        ],
    }


@router.get("/{number}/image", response_class=Response, responses=answers_with("image/jpeg", "image/png"))
def image(number: FrameId, desk: AtDesk, session: SignedIn) -> Response:
    """Return the image: JPEG or PNG."""
    with desk.store.looking() as work:
        path = image_path(find_seen(work, session.person, number))
    if path is None:
        raise HTTPException(404, "this frame has no image")
    try:
        kind, content = read_picture(path)
    except ImageError as error:  # where it lies is nobody's business
        raise HTTPException(404, error.problem) from error
    return Response(content, media_type=kind)  # not kept: the next one at this browser may have no part in it


@router.get("/{number}/index", response_class=Response, responses=answers_with("image/png"))
def index(number: FrameId, desk: AtDesk, session: SignedIn, of: Annotated[str, Query(max_length=64)] = "") -> Response:
    """Return which object is seen at each pixel: a PNG, red + 256 green is the place in `objects`, from 1 on.

    With `of`, as the frame has it in `index`, only if it is still that picture.
    """
    with desk.store.looking() as work:
        found = find_seen(work, session.person, number)
        drawing, digest, problem = _read_drawing(desk, work, found, session.person)
    if drawing.index is None:
        raise HTTPException(404, problem or "this frame has no annotation of a known size")
    _require_same(of, digest)
    return Response(drawing.index, media_type="image/png", headers=_KEPT if of else None)


@router.get("/{number}/thumbnail", response_class=Response, responses=answers_with("image/jpeg"))
def thumbnail(
    number: FrameId, desk: AtDesk, session: SignedIn, of: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """Return a small picture with the labels over it: a JPEG.

    With `of`, the frame's `sha256`, only if that is still the file that is shown.
    """
    with desk.store.looking() as work:
        found = find_seen(work, session.person, number)
        shown = shown_revision(work, found, session.person)
        _require_same(of, "" if shown is None else shown.sha256)
        drawing, _, problem = _read_drawing(desk, work, found, session.person)
    if found.revision and drawing.index is None:  # a picture without its labels would look like one that has none
        raise HTTPException(404, problem or "this frame has no annotation of a known size")
    try:
        content = draw_thumbnail(image_path(found), drawing)
    except ImageError as error:
        raise HTTPException(404, error.problem) from error
    if content is None:
        raise HTTPException(404, "this frame has neither an image nor an annotation of a known size")
    return Response(content, media_type="image/jpeg")


@router.get("/{number}/annotation", response_class=Response, responses=answers_with("application/octet-stream"))
def annotation(
    number: FrameId, desk: AtDesk, session: SignedIn, revision: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None
) -> Response:
    """Return a version of the annotation, byte for byte as it was handed in; without a number the one that counts.

    0 is the file that the dataset came with.
    """
    with desk.store.looking() as work:
        found = find_seen(work, session.person, number)
        version = fetch_shown(desk.store, work, found, session.person, revision)
    # By the name that it was handed in with, which a tool for polygons may ask for.
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(version.file_name, safe='')}"}
    return Response(version.content, media_type="application/octet-stream", headers=headers)


@router.get("/{number}/history")
def history(number: FrameId, desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """Tell all that happened to a frame."""
    with desk.store.looking() as work:
        seen = find_seen(work, session.person, number)
        is_lead = Role.LEAD in session.person.role_set
        told = {"planted": is_lead, "counts": is_lead, "sampled": may_see_sample(session.person)}
        found = read_history(work.connection, seen, **told)
    return {"history": [happening.to_json() for happening in found]}


def _require_same(asked: str, there: str) -> None:
    """Refuse what is asked for by the content that it had before: whoever asks would take one for the other."""
    if asked not in ("", there):
        raise HTTPException(404, "it is another file by now: load the page again")


def _name_labels(label_map: str) -> list[str]:
    try:
        return [label.name for label in labels.load(label_map)]
    except UserError:  # the drawing says so
        return []


def _step_of(work: Work, frame: Frame, person: Person) -> str:
    """Return what the person may do with a frame: ``judge``, ``hand in``, or ""."""
    try:
        return "judge" if queue.require_step(work, frame, person) is Action.PASS else "hand in"
    except RefusedError:  # in a transaction that writes nothing
        return ""


def _read_drawing(desk: Desk, work: Work, frame: Frame, person: Person) -> tuple[Drawing, str, str]:
    """Return the version that a person is shown, or before the first one what the dataset came with.

    With what names the picture, and with what is wrong.
    """
    try:
        revision = shown_revision(work, frame, person)
        if revision is not None:
            content, name = contents.fetch(desk.store.files(work.project), revision.sha256), revision.file_name
        elif (path := annotation_path(frame)) is not None:
            content, name = read_bytes(path), path.name
        else:
            return NOTHING, "", ""
        label_map = work.project.label_map
        return *_draw(content, name, label_map, labels.load(label_map).sha256, image_size(frame)), ""
    except UserError as error:
        return NOTHING, "", error.problem
