"""``iddkit qc``: the review by people, from the first hand-in to the certificate of a batch.

A command is imported when it is called, so that ``iddkit qc --help`` waits for no database.
"""

from __future__ import annotations

import click

from iddkit.cli.lazy import lazy_group
from iddkit.cli.qc import options

# Command name to the module and the object in it. The order is that of the work.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("iddkit.cli.qc.project", "init"),
    "people": ("iddkit.cli.qc.people", "people"),
    "add": ("iddkit.cli.qc.frames", "add"),
    "next": ("iddkit.cli.qc.claims", "take_next"),
    "submit": ("iddkit.cli.qc.handin", "submit"),
    "findings": ("iddkit.cli.qc.findings", "findings"),
    "review": ("iddkit.cli.qc.reviews", "review"),
    "repairs": ("iddkit.cli.qc.reviews", "repairs"),
    "freeze": ("iddkit.cli.qc.batches", "freeze"),
    "sample": ("iddkit.cli.qc.batches", "sample"),
    "conclude": ("iddkit.cli.qc.batches", "conclude"),
    "certificate": ("iddkit.cli.qc.certificates", "certificate"),
    "redraw": ("iddkit.cli.qc.certificates", "redraw"),
    "export": ("iddkit.cli.qc.export", "export"),
    "plant": ("iddkit.cli.qc.plants", "plant"),
    "plants": ("iddkit.cli.qc.plants", "plants"),
    "status": ("iddkit.cli.qc.status", "status"),
    "history": ("iddkit.cli.qc.history", "history"),
    "person": ("iddkit.cli.qc.person", "person"),
    "get": ("iddkit.cli.qc.handin", "get"),
    "assign": ("iddkit.cli.qc.frames", "assign"),
    "release": ("iddkit.cli.qc.frames", "release"),
    "drop": ("iddkit.cli.qc.frames", "drop"),
    "restore": ("iddkit.cli.qc.frames", "restore"),
    "serve": ("iddkit.cli.qc.serve", "serve"),
    "link": ("iddkit.cli.qc.serve", "link"),
    "plan": ("iddkit.cli.qc.plan", "plan"),
    "checklist": ("iddkit.cli.qc.project", "checklist"),
    "settings": ("iddkit.cli.qc.project", "settings"),
    "import-log": ("iddkit.cli.qc.worklog", "import_log"),
    "verify": ("iddkit.cli.qc.upkeep", "verify"),
    "backup": ("iddkit.cli.qc.upkeep", "backup"),
    "restore-backup": ("iddkit.cli.qc.upkeep", "restore_backup"),
    "upgrade": ("iddkit.cli.qc.upkeep", "upgrade"),
    "demo": ("iddkit.cli.qc.demo", "demo"),
}


@click.command("qc", cls=lazy_group(COMMANDS))
@options.group_database
def qc() -> None:
    """Review annotations: annotate, QC1 by a peer, QC2 by a supervisor, QC3 and QC4 by sealed samples.

    A project is one database: a SQLite file, or PostgreSQL for a team. It is named by --db, which may stand before or
    after the command; without it IDDKIT_DB is taken, and else qc.db in the current folder. Names of frames may be
    shortened to their end (frame0029 for train/201/frame0029) where that leaves no doubt.
    """
