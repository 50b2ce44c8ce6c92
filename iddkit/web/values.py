"""The bodies of requests: what a page or a script sends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints

from iddkit.qc.accounts import LONGEST, SHORTEST
from iddkit.qc.checklist import Checklist, Mark
from iddkit.severity import Severity

#: Pixels from the corner of an image that a mark can lie at.
_FAR = 10**6

#: Text without what no database can store.
Words = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00]*$")]
Code = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[\w-]+$")]
Number = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
Pixel = Annotated[int, Field(strict=True, ge=-_FAR, le=_FAR)]


class Body(BaseModel):
    """A body without anything that is not asked for."""

    model_config = ConfigDict(extra="forbid")


class Credentials(Body):
    """A name and a password."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    password: Annotated[str, StringConstraints(max_length=LONGEST)]


class Welcome(Body):
    """A link that works once, and the password to begin with."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    password: Annotated[str, StringConstraints(min_length=SHORTEST, max_length=LONGEST)]


class NewPassword(Body):
    """The password so far, and the one from now on."""

    old: Annotated[str, StringConstraints(max_length=LONGEST)]
    new: Annotated[str, StringConstraints(min_length=SHORTEST, max_length=LONGEST)]


class Invited(Body):
    """Who is to have a link."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Asked(Body):
    """Which stage is wanted, null for any; and frames beside which: those whose verdicts are on the way."""

    stage: Literal["annotate", "qc1", "qc2", "qc3", "qc4", "repair", "recheck", "escalated"] | None = None
    besides: Annotated[list[Number], Field(max_length=100)] = []


class Several(Body):
    """How many frames of a review are wanted, to be looked through side by side."""

    stage: Literal["qc1", "qc2", "qc3", "qc4"]
    count: Annotated[StrictInt, Field(ge=1, le=24)] = 12
    besides: Annotated[list[Number], Field(max_length=100)] = []


class Freezing(Body):
    """How a batch is frozen: which batch takes the frames that are not ready; null for none."""

    leave_to: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")] | None = None


class Drawing(Body):
    """How a sample is drawn: with which seed; null for one that nobody can know before."""

    seed: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")] | None = None


class Concluding(Body):
    """The sample alone decides how a stage is concluded."""


class MarkBody(Body):
    """A defect (`iddkit.qc.checklist.Mark`); without a severity it has that of its reason."""

    reason: Code
    severity: Severity | None = None
    shape: Annotated[int, Field(strict=True, ge=0, le=10**9)] | None = None
    label: Words = ""
    region: tuple[Pixel, Pixel, Pixel, Pixel] | None = None
    text: Words = ""

    def to_mark(self, checklist: Checklist) -> Mark:
        """Return the mark; OptionError if the checklist has no such reason."""
        reason = checklist.reason(self.reason)
        severity = self.severity or reason.severity
        return Mark(reason.code, severity, self.shape, self.label.strip(), self.region, self.text)


class VerdictBody(Body):
    """A verdict on the version that was looked at.

    `stage` and `sha256` are those of the frame's document, if they are known; `request` is a random word that tells it
    from all others.
    Without `seconds` it took the time that was measured.
    """

    verdict: Literal["pass", "fail"]
    stage: Literal["qc1", "qc2", "qc3", "qc4", "recheck"] | None = None
    revision: Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    marks: Annotated[list[MarkBody], Field(max_length=1000)] = []
    answers: Annotated[dict[Code, StrictBool], Field(max_length=100)] = {}
    text: Words = ""
    request: Annotated[str, StringConstraints(max_length=100, pattern=r"^[\w-]*$")] = ""
    seconds: Annotated[StrictInt, Field(ge=0, le=24 * 3600)] | None = None


class PlantBody(Body):
    """What is to be planted: by lot, at one frame, or a lead's own copy of one frame."""

    stage: Literal["qc1", "qc2", "qc3", "qc4"] | None = None
    batch: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    reviewer: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    frame: Annotated[StrictInt, Field(ge=1, le=2**31 - 1)] | None = None
    count: Annotated[StrictInt, Field(ge=1, le=200)] = 1
    seed: Annotated[StrictInt, Field(ge=0, le=2**63 - 1)] | None = None
    kinds: Annotated[list[Literal["wrong-label", "missing-object", "boundary"]], Field(max_length=3)] = []
    content: str | None = None
    reason: Code = "guidelines"
