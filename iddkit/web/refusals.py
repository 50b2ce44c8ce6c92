"""Answers that are none, as the description of the API has them."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from iddkit.errors import RefusedError


class Mistake(BaseModel):
    """What is wrong in a request, and where."""

    loc: list[str]
    msg: str
    type: str


class Refusal(BaseModel):
    """Why a request was not answered as asked: in words, or a list of what is wrong in it."""

    detail: str | list[Mistake]


class HandInRefusal(Refusal):
    """Why a hand-in was refused, and what the machine found in the file; or that it is named after another frame."""

    misnamed: bool = False
    findings: list[dict[str, Any]] = []
    finding_count: int = 0
    gaps: list[dict[str, Any]] = []
    gap_count: int = 0


class RefusedHandInError(RefusedError):
    """A hand-in was refused; `found` is what else is told of it, as `HandInRefusal` has it."""

    def __init__(self, problem: str, found: dict[str, Any]) -> None:
        super().__init__(problem)
        self.found = found


_WORDS: Final = {
    400: "The body cannot be read.",
    401: "Nobody is signed in, or not with this password or link.",
    403: "Not for this person, or without the token of the session.",
    404: "Not there, or not to be seen by this person.",
    409: "Against the rules of the review; the log has a line about it.",
    413: "The body is too large.",
    422: "Not as described, or a file that cannot be read.",
    429: "Too many attempts to sign in.",
    503: "The database is out of reach, or a file of the project is missing.",
}

#: Of every request, as FastAPI takes them.
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Refusal, "description": words} for status, words in _WORDS.items()
}


#: Of a hand-in, besides.
REFUSED_HAND_IN: Final[dict[int | str, dict[str, Any]]] = {409: {"model": HandInRefusal, "description": _WORDS[409]}}

_FILE: Final = {"type": "string", "format": "binary"}


def answers_with(*kinds: str, schema: dict[str, str] = _FILE) -> dict[int | str, dict[str, Any]]:
    """Return what FastAPI is told of an answer that it does not make itself: its media types."""
    return {200: {"content": {kind: {"schema": schema} for kind in kinds}}}
