"""What `iddkit check` found, for other programs: JSON, SARIF, annotations of GitHub's workflows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from iddkit import __version__
from iddkit.checks import RULES, Finding, Report
from iddkit.checks.baseline import fingerprint
from iddkit.reporting.check_tables import summary
from iddkit.severity import Severity

#: How SARIF and GitHub call a severity.
_LEVELS: Final = {Severity.CRITICAL: "error", Severity.MAJOR: "warning", Severity.MINOR: "note"}
_COMMANDS: Final = {Severity.CRITICAL: "error", Severity.MAJOR: "warning", Severity.MINOR: "notice"}

_SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def to_json(report: Report) -> str:
    """Return a report as JSON: findings, gaps, ledgers. `--baseline` takes it."""
    places = _files(report)
    document = {
        "version": __version__,
        "dataset": str(report.index.root),
        "label_map": report.label_map.name,
        "rules": list(report.rules),
        "frames": len(report.frames),
        "counts": {str(severity): report.count().get(severity, 0) for severity in Severity},
        "hidden_by_baseline": report.hidden,
        "polygons": report.ledger.to_json(),
        "findings": [
            {"frame": key, "path": places.get(key), **one.to_json(), "fingerprint": fingerprint(key, one)}
            for key, one in report.findings
        ],
        "gaps": {frame.key: [gap.to_json() for gap in frame.gaps] for frame in report.frames if frame.gaps},
        "ledgers": {frame.key: frame.ledger.to_json() for frame in report.frames if frame.ledger is not None},
        "failures": list(report.failures),
        "notes": list(report.notes),
    }
    return _encode(document)


def to_sarif(report: Report) -> str:
    """Return a report in the Static Analysis Results Interchange Format (OASIS, SARIF 2.1.0)."""
    rules = [
        {
            "id": name,
            "shortDescription": {"text": f"{summary(name)[:1].upper()}{summary(name)[1:]}."},
            "fullDescription": {"text": RULES[name].help},
            "defaultConfiguration": {"level": _LEVELS[RULES[name].severity]},
        }
        for name in report.rules
    ]
    driver = {"name": "iddkit", "version": __version__, "rules": rules}
    document = {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "originalUriBaseIds": {"DATASET": {"uri": _uri(Path(report.index.root).absolute().as_posix()) + "/"}},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            {"level": "error", "message": {"text": line}} for line in report.failures
                        ],
                    }
                ],
                "results": list(_results(report)),
            }
        ],
    }
    return _encode(document)


def _encode(document: dict[str, Any]) -> str:
    # What of a name is not UTF-8 would be half a surrogate pair, which strict readers refuse.
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _results(report: Report) -> Iterator[dict[str, Any]]:
    places, order = _files(report), {name: place for place, name in enumerate(report.rules)}
    for key, one in report.findings:
        logical = [{"fullyQualifiedName": key, "kind": "frame"}]
        if one.object is not None:
            logical = [{"name": f"object {one.object}", "fullyQualifiedName": f"{key}#{one.object}", "kind": "object"}]
        location: dict[str, Any] = {"logicalLocations": logical}
        if key in places:
            artifact = {"uri": quote(places[key], errors="surrogateescape"), "uriBaseId": "DATASET"}
            location["physicalLocation"] = {"artifactLocation": artifact}
        properties: dict[str, Any] = {"frame": key, "severity": str(one.severity)}
        if one.region is not None:
            properties["region"] = dict(zip(("x", "y", "width", "height"), one.region, strict=True))
        if one.mend is not None:
            properties["mend"] = one.mend.text
        yield {
            "ruleId": one.rule,
            "ruleIndex": order[one.rule],
            "level": _LEVELS[one.severity],
            "message": {"text": f"{one}"},
            "locations": [location],
            "partialFingerprints": {"iddkit/v1": fingerprint(key, one)},
            "properties": properties,
        }


def to_github(report: Report) -> str:
    """Return a report as commands of GitHub's workflows, a line each: ``::error file=...,title=...::text``."""
    places, root = _files(report), Path(report.index.root)
    lines = []
    for key, one in report.findings:
        file = f"file={_property((root / places[key]).as_posix())}," if key in places else ""
        lines.append(f"::{_COMMANDS[one.severity]} {file}title={_property(one.rule)}::{_data(_said(key, one))}\n")
    return "".join(lines)


def _said(key: str, one: Finding) -> str:
    return f"{key}: {one}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _uri(path: str) -> str:
    return "file://" + quote(path if path.startswith("/") else f"/{path}", errors="surrogateescape")


def _files(report: Report) -> dict[str, str]:
    return {frame.key: frame.annotation.as_posix() for frame in report.frames}
