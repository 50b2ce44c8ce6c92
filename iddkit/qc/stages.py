"""The review as one table: which action leads from which stage to which, and who may do it.

Every frame goes ``annotate > qc1 > qc2 > ready > qc3 > qc4 > accepted``. A failed review leads to ``repair`` and back
to the same reviewer; after too many rounds to ``escalated``, where the lead decides. QC3 and QC4 judge a sample: what
happens to the other frames is the move of their batch. Nothing else in the package knows the order of the stages.

Source: Mishra 2024, section 3.3.2 and figure 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """Where a frame stands."""

    ANNOTATE = "annotate"  # nobody has handed it in yet
    QC1 = "qc1"  # a peer looks at it
    QC2 = "qc2"  # a supervisor looks at it
    READY = "ready"  # passed by both, waits until its batch is frozen
    QC3 = "qc3"  # in a frozen batch, of which a sample is looked at by the research team
    QC4 = "qc4"  # in a batch that passed QC3, of which a sample is looked at by an expert
    ACCEPTED = "accepted"
    REPAIR = "repair"  # failed, with the one who handed it in
    RECHECK = "recheck"  # found bad in a sample of a batch that passed, mended, with the one who found it
    ESCALATED = "escalated"  # failed too often, with the lead
    DROPPED = "dropped"  # taken out by the lead


class Role(StrEnum):
    """What a person does; one person may have several roles."""

    ANNOTATOR = "annotator"
    SUPERVISOR = "supervisor"
    RESEARCHER = "researcher"
    EXPERT = "expert"
    LEAD = "lead"


class Action(StrEnum):
    """What is done to a frame, by a person or with its batch."""

    SUBMIT = "submit"
    PASS = "pass"
    FAIL = "fail"
    FREEZE = "freeze"  # its batch is frozen
    ACCEPT = "accept"  # the sample of its batch passed
    RETURN = "return"  # the sample of its batch failed
    MEND = "mend"  # it is one of the bad frames that the sample showed
    ASSIGN = "assign"
    DROP = "drop"
    RESTORE = "restore"


#: What a move leads to that the frame remembers: the stage that failed it, or the one where it begins again.
BACK: Final = "back"

#: The move of a recheck that passed: on to where its batch went.
AFTER: Final = "after"


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table.

    Attributes
    ----------
    stage, action
        Where a frame stands and what is done.
    roles
        Who may do it: a person with one of these roles.
    to
        The stage it leads to, `BACK` or `AFTER`.
    bond
        Whom among them, in words, where it is not any of them.
    """

    stage: Stage
    action: Action
    roles: tuple[Role, ...]
    to: str
    bond: str = ""


_ANNOTATOR = (Role.ANNOTATOR, Role.LEAD)
_SUPERVISOR = (Role.SUPERVISOR, Role.LEAD)
_RESEARCHER = (Role.RESEARCHER, Role.LEAD)
_EXPERT = (Role.EXPERT, Role.LEAD)
_SAMPLER = (Role.RESEARCHER, Role.EXPERT, Role.LEAD)
_LEAD = (Role.LEAD,)

_PEER = "the peer it was assigned to, never one who drew it"
_OTHER = "never one who drew it"
_SAMPLED = "if it is in the sealed sample; never one who drew it"

#: The whole review. What is not here is refused.
MOVES: Final[tuple[Move, ...]] = (
    Move(Stage.ANNOTATE, Action.SUBMIT, _ANNOTATOR, Stage.QC1, "who claimed it"),
    Move(Stage.QC1, Action.PASS, _ANNOTATOR, Stage.QC2, _PEER),
    Move(Stage.QC1, Action.FAIL, _ANNOTATOR, Stage.REPAIR, _PEER),
    Move(Stage.QC2, Action.PASS, _SUPERVISOR, Stage.READY, _OTHER),
    Move(Stage.QC2, Action.FAIL, _SUPERVISOR, Stage.REPAIR, _OTHER),
    Move(Stage.REPAIR, Action.SUBMIT, _ANNOTATOR, BACK, "to whom the repair was given"),
    Move(Stage.ESCALATED, Action.SUBMIT, _LEAD, BACK),
    Move(Stage.READY, Action.FREEZE, _SAMPLER, Stage.QC3),
    Move(Stage.QC3, Action.PASS, _RESEARCHER, Stage.QC3, _SAMPLED),
    Move(Stage.QC3, Action.FAIL, _RESEARCHER, Stage.QC3, _SAMPLED),
    Move(Stage.QC3, Action.ACCEPT, _SAMPLER, Stage.QC4),
    Move(Stage.QC3, Action.RETURN, _SAMPLER, Stage.QC2),
    Move(Stage.QC3, Action.MEND, _SAMPLER, Stage.REPAIR),
    Move(Stage.QC4, Action.PASS, _EXPERT, Stage.QC4, _SAMPLED),
    Move(Stage.QC4, Action.FAIL, _EXPERT, Stage.QC4, _SAMPLED),
    Move(Stage.QC4, Action.ACCEPT, _SAMPLER, Stage.ACCEPTED),
    Move(Stage.QC4, Action.RETURN, _SAMPLER, Stage.QC2),
    Move(Stage.QC4, Action.MEND, _SAMPLER, Stage.REPAIR),
    Move(Stage.RECHECK, Action.PASS, _SAMPLER, AFTER, "who found it bad"),
    Move(Stage.RECHECK, Action.FAIL, _SAMPLER, Stage.REPAIR, "who found it bad"),
    Move(Stage.ACCEPTED, Action.SUBMIT, _ANNOTATOR, Stage.QC1),
    Move(Stage.ANNOTATE, Action.ASSIGN, _LEAD, Stage.ANNOTATE),
    Move(Stage.QC1, Action.ASSIGN, _LEAD, Stage.QC1),
    Move(Stage.QC2, Action.ASSIGN, _LEAD, Stage.QC2),
    Move(Stage.RECHECK, Action.ASSIGN, _LEAD, Stage.RECHECK),
    Move(Stage.REPAIR, Action.ASSIGN, _LEAD, Stage.REPAIR),
    Move(Stage.ESCALATED, Action.ASSIGN, _LEAD, Stage.REPAIR),
    Move(Stage.ANNOTATE, Action.DROP, _LEAD, Stage.DROPPED),
    Move(Stage.QC1, Action.DROP, _LEAD, Stage.DROPPED),
    Move(Stage.QC2, Action.DROP, _LEAD, Stage.DROPPED),
    Move(Stage.READY, Action.DROP, _LEAD, Stage.DROPPED),
    Move(Stage.REPAIR, Action.DROP, _LEAD, Stage.DROPPED),
    Move(Stage.ESCALATED, Action.DROP, _LEAD, Stage.DROPPED),
    Move(Stage.RECHECK, Action.DROP, _LEAD, Stage.DROPPED),
    Move(Stage.DROPPED, Action.RESTORE, _LEAD, BACK),
)

_BY_STAGE: Final = {(move.stage, move.action): move for move in MOVES}

#: The stages in which a person judges a frame, and which review that is. A recheck is the one that failed the frame.
REVIEWS: Final = (Stage.QC1, Stage.QC2, Stage.QC3, Stage.QC4)

#: The stages of a frozen batch, in which a sample is judged.
SAMPLED: Final = (Stage.QC3, Stage.QC4)

#: Who is asked for the frames of a stage that were given to nobody. A lead may do all of it, and is asked for little.
ASKED: Final[dict[Stage, tuple[Role, ...]]] = {
    Stage.ANNOTATE: (Role.ANNOTATOR,),
    Stage.QC1: (Role.ANNOTATOR,),
    Stage.QC2: (Role.SUPERVISOR,),
    Stage.QC3: (Role.RESEARCHER,),
    Stage.QC4: (Role.EXPERT,),
    Stage.REPAIR: (Role.ANNOTATOR,),
    Stage.RECHECK: (Role.RESEARCHER, Role.EXPERT),
    Stage.ESCALATED: (Role.LEAD,),
}


def find_move(stage: Stage, action: Action) -> Move | None:
    """Return the move, or None where the table has none."""
    return _BY_STAGE.get((stage, action))


def find_step(stage: Stage) -> Move | None:
    """Return what the one who holds a frame in a stage is to do: hand it in, or judge it (its move to pass)."""
    return None if stage is Stage.ACCEPTED else find_move(stage, Action.SUBMIT) or find_move(stage, Action.PASS)


def moves_from(stage: Stage) -> tuple[Move, ...]:
    """Return what can be done with a frame in a stage, in the order of the table."""
    return tuple(move for move in MOVES if move.stage is stage)


def describe_allowed(stage: Stage) -> str:
    """Return in words what can be done with a frame in a stage, and by whom.

    Examples
    --------
    >>> describe_allowed(Stage.ESCALATED)
    'possible at escalated: submit (lead), assign (lead), drop (lead)'
    """
    said = []
    for move in moves_from(stage):
        if move.action in (Action.ACCEPT, Action.RETURN, Action.MEND):
            continue  # what the conclusion of its batch does
        roles = " or ".join(move.roles)
        said.append(f"{move.action} ({roles}{', ' + move.bond if move.bond else ''})")
    return f"possible at {stage}: " + (", ".join(said) if said else "nothing")
