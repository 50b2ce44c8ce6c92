"""The values of a certificate: the samples of a batch, who looked at what, and what became of the bad images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from iddkit.errors import OptionError, printable
from iddkit.qc.sampling import IMPORTED

#: What the file says that it is; another number is another content.
FORMAT: Final = "iddkit qc certificate 2"

#: What is read, too: a certificate of before errors could be planted. Its samples have no `planted`.
BEFORE_PLANTS: Final = "iddkit qc certificate 1"

#: Confidence of the bounds.
CONFIDENCE: Final = "0.95"


@dataclass(frozen=True, slots=True)
class Judged:
    """An image of a sample that was looked at.

    Attributes
    ----------
    position
        In the sealed sample, from 1 on.
    key, revision
        The image, and the version that was judged.
    verdict
        ``pass`` or ``fail``.
    worst
        The gravest severity of its defects, "" without any.
    bad
        Whether that makes it a bad image under the plan.
    reasons
        Codes of the defects, separated by blanks.
    by, at
        Who judged it, and when.
    """

    position: int
    key: str
    revision: int
    verdict: str
    worst: str
    bad: bool
    reasons: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of a bad image of a sample: when it was handed in anew and when it passed again, "" for not yet.

    `stage` and `by` say which review passed it, and whose.
    """

    key: str
    handed_in: str
    passed: str
    stage: str
    by: str


@dataclass(frozen=True, slots=True)
class Bound:
    """The largest number of bad images that a sample does not rule out, and how that was computed.

    `images` is None, and `how` says why, where a sample bounds nothing.
    """

    images: int | None
    how: str


@dataclass(frozen=True, slots=True)
class Planted:
    """What the reviewers of a sample's stage had caught, in the whole project, of errors that were planted.

    Attributes
    ----------
    judged, caught
        Errors that were judged by the sample's conclusion, and those of them that were caught.
    low, high
        The sensitivity's interval at 95 % by Clopper and Pearson, rounded outwards; None where nothing was judged.
    risks, risks_at_low
        What the plan promises with reviewers who catch that part of the bad images, and with those of the low end, as
        `Risks.to_json` has it; empty where nothing was judged, or the sample was not drawn by lot.
    """

    judged: int
    caught: int
    low: float | None
    high: float | None
    risks: dict[str, Any]
    risks_at_low: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Round:
    """A sample of the batch.

    Attributes
    ----------
    round
        How often the batch was frozen by then.
    stage
        ``qc3`` or ``qc4``.
    frozen_at, frozen_by, drawn_at, drawn_by, concluded_at, concluded_by
        Times and people; "" where it is not concluded.
    drawn_seq, concluded_seq
        Numbers of the events in which the sample was sealed and concluded, 0 where it is not concluded.
    is_imported
        Whether an import brought one of these events: its time is that of a past, and not of the log's order.
    size, n, c
        Images of the list, at most so many of which are looked at, and of these so many may be bad.
    plan, risks
        As `SamplingPlan.to_json` and `Risks.to_json` have them; no risks where the sample was not drawn by lot.
    seed, list_hash, seal
        What the sample was drawn with, and what binds it.
    given
        Whether the one who drew named the seed; otherwise the machine drew it.
    list
        The frozen list: key, hash of the annotation, annotator, sequence.
    sample
        Keys, in the order in which they are to be looked at.
    judged
        Those that were, in that order.
    inspected, counted
        Images that the decision rests on, and bad ones among them. Verdicts beyond the one that decided are in `judged`
        and do not count.
    verdict, reason
        ``accept``, ``return`` or, of an open sample, "".
    bound
        What it shows of the list.
    mended
        What became of its bad images.
    planted
        What its reviewers were measured to see; None in a certificate of before that was told.
    """

    round: int
    stage: str
    frozen_at: str
    frozen_by: str
    drawn_at: str
    drawn_by: str
    drawn_seq: int
    concluded_seq: int
    is_imported: bool
    concluded_at: str
    concluded_by: str
    size: int
    n: int
    c: int
    plan: dict[str, Any]
    risks: dict[str, Any]
    seed: str
    given: bool
    list_hash: str
    seal: str
    list: tuple[tuple[str, str, str, str], ...]
    sample: tuple[str, ...]
    judged: tuple[Judged, ...]
    inspected: int
    counted: int
    verdict: str
    reason: str
    bound: Bound
    mended: tuple[Mended, ...]
    planted: Planted | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether it was drawn by lot."""
        return self.seed != IMPORTED

    @property
    def seeded(self) -> str:
        """Where the seed came from, in words."""
        if not self.is_drawn:
            return "not drawn by lot"
        return f"chosen by {self.drawn_by}" if self.given else "drawn by the machine"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A sample of another batch that failed while images of this one were in that batch.

    Attributes
    ----------
    batch, round, stage
        Whose sample, and which.
    concluded_at, concluded_seq
        When it failed: time, and number of the event.
    inspected, bad
        Images of it that were looked at, and bad ones among them.
    here
        How many images of that list are in this one now.
    keys
        Which these are, in the order of this list.
    """

    batch: str
    round: int
    stage: str
    concluded_at: str
    concluded_seq: int
    inspected: int
    bad: int
    here: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reopened:
    """A frame that was changed after its batch was accepted: the certificate speaks of the version before."""

    key: str
    at: str
    by: str
    revision: int
    batch: str
    stage: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was shown of a batch.

    Attributes
    ----------
    format
        `FORMAT`, or `BEFORE_PLANTS`.
    project, batch
        Names.
    stage
        Of the batch: ``accepted``, or where it stands.
    confidence
        Of all bounds.
    log_events, log_hash, log_until
        Number, hash and time of the last event that it knows.
    statement
        The same in sentences: what it says first.
    rounds
        All samples of the batch, in the order in which they were drawn; none is left out.
    earlier
        Failed samples of other batches that images of the last list were in before, in the order in which they failed.
    reopened
        Frames that were changed since.
    """

    format: str
    project: str
    batch: str
    stage: str
    confidence: str
    log_events: int
    log_hash: str
    log_until: str
    statement: tuple[str, ...]
    rounds: tuple[Round, ...]
    earlier: tuple[Earlier, ...]
    reopened: tuple[Reopened, ...]

    def to_json(self) -> bytes:
        """Return the certificate as a JSON file: UTF-8, keys sorted. Same certificate, same bytes."""
        content = msgspec.to_builtins(self)
        if self.format == BEFORE_PLANTS:
            for one in content["rounds"]:
                del one["planted"]
        return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode("utf-8", "replace")

    @classmethod
    def from_json(cls, content: bytes | str | Mapping[str, Any]) -> Certificate:
        """Return the certificate of a JSON file.

        Raises
        ------
        OptionError
            It is none: not JSON, something is missing or of a wrong kind, or the format is another one.
        """
        try:
            if isinstance(content, bytes | str):
                content = json.loads(content)
            certificate = msgspec.convert(content, cls)
        except (ValueError, RecursionError) as error:  # msgspec's and json's own errors are ValueErrors
            raise OptionError(f"no certificate: {printable(str(error))}") from error
        if certificate.format not in (FORMAT, BEFORE_PLANTS):
            raise OptionError(f"no certificate that this version reads: {printable(certificate.format, 60)!r}")
        if any((one.planted is None) != (certificate.format == BEFORE_PLANTS) for one in certificate.rounds):
            raise OptionError("no certificate: whether errors were planted is told of some samples alone")
        return certificate
