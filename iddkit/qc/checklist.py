"""Checklists: what a review asks, and why a frame fails. Data (TOML), with a version that each review records."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from iddkit.errors import OptionError, RecipeError, printable
from iddkit.files import read_bytes
from iddkit.severity import Severity

_FOLDER: Final = Path(__file__).parent / "checklists"

#: The checklist of a new project.
DEFAULT: Final = "idd"


@dataclass(frozen=True, slots=True)
class Question:
    """What the reviewer of a stage is asked."""

    stage: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a frame can fail, and how bad that is unless the reviewer says otherwise."""

    code: str
    text: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Checklist:
    """Questions by stage, and reasons."""

    name: str
    version: int
    questions: tuple[Question, ...]
    reasons: tuple[Reason, ...]

    def of(self, stage: str) -> tuple[Question, ...]:
        """Return the questions of a stage."""
        return tuple(question for question in self.questions if question.stage == stage)

    def reason(self, code: str) -> Reason:
        """Return the reason with a code.

        Raises
        ------
        OptionError
            There is none; it names those that there are.
        """
        for reason in self.reasons:
            if reason.code == code:
                return reason
        known = ", ".join(reason.code for reason in self.reasons)
        raise OptionError(f"no reason {printable(code, 40)!r} in the checklist {self.name}; there are {known}")


@dataclass(frozen=True, slots=True)
class Mark:
    """One defect that a reviewer found.

    Attributes
    ----------
    reason
        Code of the checklist.
    severity
        How bad it is.
    shape
        Number of the polygon in the file, from 0 on, deleted ones counted; None if it is none.
    label
        The label that it ought to have.
    region
        x, y, width, height in pixels.
    text
        What else there is to say.
    """

    reason: str
    severity: Severity
    shape: int | None = None
    label: str = ""
    region: tuple[int, int, int, int] | None = None
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the mark as the log keeps it: what is not said is left out."""
        said: dict[str, Any] = {
            "reason": self.reason,
            "severity": str(self.severity),
            "shape": self.shape,
            "label": self.label,
        }
        region = list(self.region) if self.region is not None else None
        said |= {"region": region, "text": self.text}
        return {name: value for name, value in said.items() if value not in (None, "")}


_MARK: Final = re.compile(
    r"""(?P<reason>[\w-]+)
        (?: ! (?P<severity>\w+) )?
        (?: @ (?P<shape>\d{1,9}) )?
        (?: > (?P<label>[^#=]+) )?
        (?: \# (?P<region>-?\d{1,9},-?\d{1,9},\d{1,9},\d{1,9}) )?
        (?: = (?P<text>.*) )?""",
    re.VERBOSE | re.DOTALL,
)


def parse_mark(text: str, checklist: Checklist) -> Mark:
    """Return the mark that a line says: ``REASON[!SEVERITY][@POLYGON][>LABEL][#X,Y,WIDTH,HEIGHT][=TEXT]``.

    Raises
    ------
    OptionError
        It is none, or the checklist has no such reason.

    Examples
    --------
    >>> mark = parse_mark("wrong-label@17>truck=it carries bricks", load_checklist())
    >>> mark.shape, mark.label, str(mark.severity), mark.text
    (17, 'truck', 'major', 'it carries bricks')
    """
    found = _MARK.fullmatch(text.strip())
    if found is None:
        form = "REASON[!SEVERITY][@POLYGON][>LABEL][#X,Y,WIDTH,HEIGHT][=TEXT]"
        raise OptionError(f"{printable(text, 60)!r} is no mark; write {form}")
    reason = checklist.reason(found["reason"])
    try:
        severity = reason.severity if found["severity"] is None else Severity(found["severity"])
    except ValueError:
        known = ", ".join(Severity)
        raise OptionError(f"no severity {printable(found['severity'], 40)!r}; there are {known}") from None
    region = None
    if found["region"] is not None:
        x, y, width, height = (int(number) for number in found["region"].split(","))
        region = (x, y, width, height)
    shape = None if found["shape"] is None else int(found["shape"])
    return Mark(reason.code, severity, shape, (found["label"] or "").strip(), region, found["text"] or "")


def load_checklist(name: str = DEFAULT) -> Checklist:
    """Return a checklist by its name, or by the path of a TOML file.

    Raises
    ------
    RecipeError
        There is none of that name, it cannot be read, or something in it is missing or of the wrong kind.
    """
    own = _FOLDER / f"{name}.toml"
    path = own if re.fullmatch(r"[\w-]+", name) and own.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in _FOLDER.glob("*.toml")))
        raise RecipeError(f"no checklist of this name and no such file; iddkit brings {known}", path=path)
    try:
        return _read(tomllib.loads(read_bytes(path).decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"not TOML: {error}", path=path) from error
    except (KeyError, TypeError, ValueError) as error:
        problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise RecipeError(problem, path=path) from error


def _read(data: dict[str, Any]) -> Checklist:
    questions = tuple(Question(str(q["stage"]), str(q["code"]), str(q["text"])) for q in data.get("questions", []))
    reasons = tuple(Reason(str(r["code"]), str(r["text"]), Severity(r["severity"])) for r in data["reasons"])
    if not reasons:
        raise ValueError("no reasons: no review could fail")
    for reason in reasons:
        if re.fullmatch(r"[\w-]+", reason.code) is None:
            raise ValueError(f"{printable(reason.code, 40)!r}: a code has letters, digits, - and _")
    if len({reason.code for reason in reasons}) < len(reasons):
        raise ValueError("two reasons have one code")
    return Checklist(str(data["name"]), int(data["version"]), questions, reasons)
