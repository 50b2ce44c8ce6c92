"""How bad a defect is: what the mark of a reviewer and the finding of a machine have in common."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How bad a defect is; a sampling plan says from which on an image is a bad one.

    Examples
    --------
    >>> max(Severity, key=lambda severity: severity.weight)
    <Severity.CRITICAL: 'critical'>
    """

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"

    @property
    def weight(self) -> int:
        """The worse, the more."""
        return {"critical": 3, "major": 2, "minor": 1}[self.value]
