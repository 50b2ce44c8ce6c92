"""Frames and findings as the JSON values of answers."""

from __future__ import annotations

from typing import Any, Final

from iddkit.checks import Checked
from iddkit.qc.state import Frame

#: Findings and gaps that an answer names; of those beyond it is said how many there are.
MOST: Final = 200


def tell_frame(frame: Frame) -> dict[str, Any]:
    """Return where a frame stands."""
    return {
        "id": frame.id,
        "key": frame.key,
        "batch": frame.batch,
        "stage": frame.stage,
        "revision": frame.revision,
        "round": frame.rounds,
    }


def tell_checked(checked: Checked | None) -> dict[str, Any]:
    """Return what the machine found, the worst first; nothing where it looked for nothing."""
    findings, gaps = ((), ()) if checked is None else (checked.findings, checked.gaps)
    return {
        "findings": [finding.to_json() for finding in findings[:MOST]],
        "finding_count": len(findings),
        "gaps": [gap.to_json() for gap in gaps[:MOST]],
        "gap_count": len(gaps),
    }
