"""What a reviewer found, as options and files say it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iddkit.errors import AnnotationError, OptionError, RecipeError, printable, shown

if TYPE_CHECKING:
    from iddkit.qc.checklist import Checklist, Mark

_KEYS: Final = ("reason", "severity", "shape", "label", "region", "text")


def read_marks(path: Path, checklist: Checklist, reason: str = "") -> list[Mark]:
    """Return the marks of a JSON file: a list of objects with a reason, and what the log keeps of a mark beside it.

    An XML file is one of the Cityscapes tool's correction boxes; those whose remark names no reason have the given one.

    Raises
    ------
    RecipeError
        It cannot be read, or one of them is none: it says which.
    """
    from iddkit import files

    if path.suffix.lower() == ".xml":
        from iddkit.qc.corrections import read_corrections

        return read_corrections(path, checklist, reason)
    try:
        document = json.loads(files.read_bytes(path).decode("utf-8-sig"))
    except AnnotationError as error:
        raise RecipeError(error.problem, path=path) from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"not JSON: {error}", path=path) from error
    listed = document.get("marks") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise RecipeError("no list of marks", path=path)
    marks = []
    for number, given in enumerate(listed):
        try:
            marks.append(_mark(given, checklist))
        except OptionError as error:
            raise RecipeError(error.problem, path=path, where=f"mark {number}") from error
    return marks


def _mark(given: Any, checklist: Checklist) -> Mark:
    from iddkit.qc.checklist import Mark
    from iddkit.severity import Severity

    if not isinstance(given, dict) or not isinstance(given.get("reason"), str):
        raise OptionError(f"{shown(given)} is no mark: it has a reason, and may have {', '.join(_KEYS[1:])}")
    unknown = [key for key in given if key not in _KEYS]
    if unknown:
        raise OptionError(f"a mark has no {printable(unknown[0], 40)}; it has {', '.join(_KEYS)}")
    reason = checklist.reason(given["reason"])
    severity = given.get("severity", str(reason.severity))
    if severity not in [str(known) for known in Severity]:
        raise OptionError(f"no severity {shown(severity)}; there are {', '.join(Severity)}")
    shape, region = given.get("shape"), given.get("region")
    if shape is not None and (not _is_whole(shape) or shape < 0):
        raise OptionError(f"shape is {shown(shape)}, not the number of a polygon")
    if region is not None:
        if not isinstance(region, list) or len(region) != 4 or not all(map(_is_whole, region)) or min(region[2:]) < 0:
            raise OptionError(f"region is {shown(region)}, not x, y, width and height in pixels")
        region = (region[0], region[1], region[2], region[3])
    words = {key: given.get(key, "") for key in ("label", "text")}
    for key, value in words.items():
        if not isinstance(value, str):
            raise OptionError(f"{key} is {shown(value)}, not text")
    return Mark(reason.code, Severity(severity), shape, words["label"], region, words["text"])


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9


def parse_answers(texts: Sequence[str], checklist: Checklist, stage: str) -> dict[str, bool]:
    """Return the answers of ``CODE=yes`` and ``CODE=no``, by code of the question.

    Raises
    ------
    OptionError
        The stage has no such question, or it is neither yes nor no.
    """
    known = [question.code for question in checklist.of(stage)]
    answers = {}
    for text in texts:
        code, equals, answer = text.partition("=")
        if not equals or answer.lower() not in ("yes", "no"):
            raise OptionError(f"{printable(text, 60)!r} is no answer; write CODE=yes or CODE=no")
        if code not in known:
            asked = f"; it asks {', '.join(known)}" if known else ""
            raise OptionError(f"{stage} has no question {printable(code, 40)!r}{asked}")
        answers[code] = answer.lower() == "yes"
    return answers


def mark_text(mark: Mapping[str, Any]) -> str:
    """Return a mark of the log in words: ``wrong-label (major), polygon 17, ought to be truck: it carries bricks``.

    Examples
    --------
    >>> mark_text({"reason": "gap", "severity": "minor", "region": [10, 20, 30, 40]})
    'gap (minor), at 10,20 of 30 x 40'
    """
    parts = [f"{mark['reason']} ({mark.get('severity', '?')})"]
    if mark.get("shape") is not None:
        parts.append(f"polygon {mark['shape']}")
    if mark.get("label"):
        parts.append(f"ought to be {mark['label']}")
    if mark.get("region"):
        x, y, width, height = mark["region"]
        parts.append(f"at {x},{y} of {width} x {height}")
    said = f": {mark['text']}" if mark.get("text") else ""
    return printable(", ".join(parts) + said, 500)
