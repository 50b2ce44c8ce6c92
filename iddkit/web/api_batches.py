"""``/api/v1/batches``: how far each batch is, its sealed samples, and what is done to it as a whole."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Path, Response

from iddkit.qc import queue
from iddkit.qc.progress.burndown import read_burn_down
from iddkit.qc.progress.certificate import Certificate, read_certificate
from iddkit.qc.progress.standing import BatchStanding, read_batches
from iddkit.qc.queue.running import find_step, may_step, read_running
from iddkit.qc.stages import Role
from iddkit.qc.state import Batch, Person
from iddkit.qc.store.work import Work
from iddkit.reporting.qc_certificate import certificate_page
from iddkit.reporting.qc_figures import draw_burn_down
from iddkit.reporting.qc_tables import burn_down_table
from iddkit.web.answers import answer_csv, answer_report, answer_svg
from iddkit.web.refusals import answers_with
from iddkit.web.roles import Insider
from iddkit.web.signing import AtDesk, Desk
from iddkit.web.values import Concluding, Drawing, Freezing

router = APIRouter(prefix="/api/v1/batches", tags=["batches"])

_OBJECT: Final = {"type": "object"}

BatchId = Annotated[int, Path(ge=1, le=2**31 - 1)]


def find_batch(work: Work, number: int) -> Batch:
    """Return a batch by its number; 404 if there is none."""
    try:
        return work.state.get(Batch, number)
    except KeyError:
        raise HTTPException(404, "no such batch") from None


@router.get("")
def batches(desk: AtDesk, session: Insider) -> dict[str, Any]:
    """List all batches: where their frames stand, how the open sample stands, what is done next and whether by you."""
    with desk.store.looking() as work:
        return {"batches": tell_batches(work, session.person)}


@router.get("/{number}")
def batch(number: BatchId, desk: AtDesk, session: Insider) -> dict[str, Any]:
    """Tell how far a batch is, and how its open sample stands."""
    with desk.store.looking() as work:
        return tell_batch(work, find_batch(work, number), session.person)


@router.get("/{number}/sample")
def sample(number: BatchId, desk: AtDesk, session: Insider) -> dict[str, Any]:
    """Tell how the open sample stands: what was seen, what the plan says of it, what remains. No image is named."""
    with desk.store.looking() as work:
        running = read_running(work, find_batch(work, number), session.person)
    return {"sample": None if running is None else running.to_json()}


@router.get("/{number}/burndown")
def burn_down(number: BatchId, desk: AtDesk, _: Insider) -> dict[str, Any]:
    """Tell how many frames had not passed each stage, at each time."""
    with desk.store.looking() as work:
        return read_burn_down(work.connection, find_batch(work, number)).to_json()


@router.get("/{number}/burndown.csv", response_class=Response, responses=answers_with("text/csv"))
def burn_down_csv(number: BatchId, desk: AtDesk, _: Insider) -> Response:
    """Return the same as a CSV file."""
    with desk.store.looking() as work:
        found = read_burn_down(work.connection, find_batch(work, number))
    return answer_csv(burn_down_table(found), f"burndown-{number}")


@router.get("/{number}/burndown.svg", response_class=Response, responses=answers_with("image/svg+xml"))
def burn_down_figure(number: BatchId, desk: AtDesk, _: Insider) -> Response:
    """Draw how many frames waited for each stage, from the first day on."""
    with desk.store.looking() as work:
        found, timezone = read_burn_down(work.connection, find_batch(work, number)), work.project.timezone
    return answer_svg(draw_burn_down([found], timezone))


@router.get(
    "/{number}/certificate",
    response_class=Response,
    responses=answers_with("application/json", schema=_OBJECT),
)
def certificate(number: BatchId, desk: AtDesk, session: Insider) -> Response:
    """Return the certificate as JSON, from which the samples can be drawn again; accepted or not by now."""
    found = _read_certificate(desk, number, session.person)
    return Response(found.to_json(), media_type="application/json")


@router.get("/{number}/certificate.html", response_class=Response, responses=answers_with("text/html"))
def certificate_as_page(number: BatchId, desk: AtDesk, session: Insider) -> Response:
    """Return the certificate as a page that needs no other file."""
    return answer_report(certificate_page(_read_certificate(desk, number, session.person)))


@router.post("/{number}/freeze")
def freeze(number: BatchId, body: Freezing, desk: AtDesk, session: Insider) -> dict[str, Any]:
    """Freeze a batch whose frames have all passed QC2; `leave_to` names the batch that takes those which have not."""
    with desk.store.writing() as work:
        person = work.state.get(Person, session.person.id)
        frozen = queue.freeze(work, find_batch(work, number), person, leave_to=body.leave_to)
        return tell_batch(work, frozen, person)


@router.post("/{number}/sample")
def draw(number: BatchId, body: Drawing, desk: AtDesk, session: Insider) -> dict[str, Any]:
    """Draw and seal the sample of a frozen batch for its stage, by the project's plan."""
    with desk.store.writing() as work:
        person = work.state.get(Person, session.person.id)
        queue.draw_sample(work, find_batch(work, number), person, seed=body.seed)
        return tell_batch(work, find_batch(work, number), person)


@router.post("/{number}/conclude")
def conclude(number: BatchId, _: Concluding, desk: AtDesk, session: Insider) -> dict[str, Any]:
    """Conclude the stage of a batch by what its sample showed: it goes on, or is returned."""
    with desk.store.writing() as work:
        person = work.state.get(Person, session.person.id)
        concluded = queue.conclude(work, find_batch(work, number), person)
        said = {"verdict": concluded.sample.verdict, "reason": concluded.decision.reason}
        return {**tell_batch(work, concluded.batch, person), **said, "to_mend": len(concluded.to_mend)}


def tell_batches(work: Work, person: Person) -> list[dict[str, Any]]:
    """Return all batches as JSON values, for a person."""
    found = {batch.id: batch for batch in work.state.get_all(Batch)}
    return [_tell(work, one, found[one.id], person) for one in read_batches(work.connection)]


def tell_batch(work: Work, batch: Batch, person: Person) -> dict[str, Any]:
    """Return a batch as JSON values, for a person."""
    work.flush()
    (standing,) = read_batches(work.connection, batch)
    return _tell(work, standing, batch, person)


def _tell(work: Work, standing: BatchStanding, batch: Batch, person: Person) -> dict[str, Any]:
    running = read_running(work, batch, person)
    return {
        **standing.to_json(),
        "frames": standing.frames,
        "sample": None if running is None else running.to_json(),
        "step": find_step(work, batch),
        "may": may_step(batch, person),
        "certificate": _may_certify(person, running is not None),
    }


def _may_certify(person: Person, is_open: bool) -> bool:
    # It names the images of every sample, the open one's too, and what was caught of the errors that were planted.
    return not is_open or Role.LEAD in person.role_set


def _read_certificate(desk: Desk, number: int, person: Person) -> Certificate:
    with desk.store.looking() as work:
        batch = find_batch(work, number)
        if not _may_certify(person, read_running(work, batch) is not None):
            raise HTTPException(403, "while a sample is open the certificate, which names its images, is for leads")
        return read_certificate(work.connection, batch)
