"""Settings of a project."""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from sqlalchemy import select

from iddkit import labels
from iddkit.errors import OptionError, RefusedError, printable
from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.checklist import DEFAULT, load_checklist
from iddkit.qc.events import Kind
from iddkit.qc.examination import SHOW, WAYS
from iddkit.qc.queue.people import require_lead
from iddkit.qc.state import Person, Project
from iddkit.qc.store.tables import projects
from iddkit.qc.store.work import Work

#: IDD's weeks run from Wednesday to Tuesday (Mishra 2024, tables 3.1 and 3.2).
WEDNESDAY = 2

#: QC3 and QC4 as the thesis has them: a fifth and a tenth of the batch; about 98 % of the images pass. It gives no
#: number for QC4: the same one is taken, and `change_project` can make it another.
PLAN3 = {"kind": "fraction", "fraction": "0.2", "pass_rate": "0.98"}
PLAN4 = {"kind": "fraction", "fraction": "0.1", "pass_rate": "0.98"}


def start_project(work: Work, name: str, **settings: Any) -> Project:
    """Write the first event: the settings, where they are not the usual ones.

    Parameters
    ----------
    work
        The open transaction.
    name
        Of the dataset.
    **settings
        Attributes of `Project`; plans as dictionaries.

    Raises
    ------
    OptionError
        A setting cannot be.
    RefusedError
        There is a project already.
    """
    if work.connection.execute(select(projects.c.id)).first() is not None:
        raise RefusedError("there is a project already")
    usual: dict[str, Any] = {
        "week_start": WEDNESDAY,
        "timezone": "UTC",
        "max_rounds": 3,
        "claim_seconds": 8 * 3600,
        "seed": 1,
        "checklist": DEFAULT,
        "plan3": PLAN3,
        "plan4": PLAN4,
        "files": "qc_files",
    }
    wanted = {**usual, **settings, "name": name}
    if work.connection.dialect.name != "sqlite" and not Path(wanted["files"]).is_absolute():
        raise OptionError("a database of a team needs the full path of a folder for the files, which all can reach")
    work.append(Kind.PROJECT, data=_check(wanted))
    return work.project


def change_project(work: Work, actor: Person, **settings: Any) -> Project:
    """Change settings; batches that are frozen keep the plan that they were drawn by.

    Raises
    ------
    OptionError
        A setting cannot be.
    RefusedError
        The actor is no lead.
    """
    require_lead(work, actor, "change settings")
    now = {field.name: getattr(work.project, field.name) for field in fields(Project) if field.name != "id"}
    now |= {"plan3": json.loads(now["plan3"]), "plan4": json.loads(now["plan4"])}
    work.append(Kind.PROJECT, actor.id, data=_check({**now, **settings}))
    return work.project


def _check_findings(checked: dict[str, Any]) -> None:
    """Refuse what cannot be; what is as usual is not said, as a log of before these settings does not say it."""
    if checked.get("findings", SHOW) not in WAYS:
        raise OptionError(f"no way {printable(checked['findings'], 40)!r} with findings; there are {', '.join(WAYS)}")
    labels.load(checked.get("label_map", "idd"))
    usual = {field.name: field.default for field in fields(Project)}
    for name in ("label_map", "findings"):
        if checked.get(name) == usual[name]:
            del checked[name]


def _check(settings: Mapping[str, Any]) -> dict[str, Any]:
    checked = dict(settings)
    unknown = set(checked) - {field.name for field in fields(Project)}
    if unknown:
        raise OptionError(f"no setting {', '.join(sorted(unknown))}")
    if not 0 <= checked["week_start"] <= 6:
        raise OptionError(f"week_start {checked['week_start']}: 0 is Monday, 6 is Sunday")
    try:
        zoneinfo.ZoneInfo(checked["timezone"])
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise OptionError(f"no time zone {printable(checked['timezone'], 40)!r}; write Asia/Kolkata, UTC") from error
    if checked["max_rounds"] < 0 or checked["claim_seconds"] <= 0:
        raise OptionError("rounds and the time of a claim cannot be negative, nor the latter zero")
    load_checklist(checked["checklist"])
    _check_findings(checked)
    for name in ("plan3", "plan4"):
        checked[name] = json.dumps(SamplingPlan.from_json(checked[name]).to_json(), sort_keys=True)
    return checked
