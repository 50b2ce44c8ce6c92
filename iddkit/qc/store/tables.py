"""The database's tables: the log, and a table for each kind of row of the state."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

from iddkit.qc import state

metadata = MetaData()

# SQLite numbers rows in its INTEGER; elsewhere microseconds need eight bytes.
_BIG = BigInteger().with_variant(Integer(), "sqlite")

events = Table(
    "event",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    Column("at", _BIG, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("actor", Integer),
    Column("frame", Integer),
    Column("batch", Integer),
    Column("stage", String(16), nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("revision", Integer),
    Column("reason", Text, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("data", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    # A week's tables are read from this index alone.
    Index("event_week", "at", "kind", "stage", "verdict", "frame", "batch", "seconds", "seq"),
    Index("event_frame", "frame", "seq"),
    Index("event_actor", "actor", "kind", "at"),
    Index("event_batch", "batch", "kind", "seq"),
)

projects = Table(
    "project",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("week_start", Integer, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("max_rounds", Integer, nullable=False),
    Column("claim_seconds", Integer, nullable=False),
    Column("seed", _BIG, nullable=False),
    Column("checklist", Text, nullable=False),
    Column("plan3", Text, nullable=False),
    Column("plan4", Text, nullable=False),
    Column("files", Text, nullable=False),
    Column("label_map", Text, nullable=False, server_default="idd"),
    Column("findings", Text, nullable=False, server_default="show"),
)

people = Table(
    "person",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("roles", Text, nullable=False),
    Column("active", Integer, nullable=False),
    Column("absences", Text, nullable=False),
    Column("load", Integer, nullable=False),
)

batches = Table(
    "batch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("stage", String(16), nullable=False),
    Column("round", Integer, nullable=False),
    Column("list_hash", String(64), nullable=False),
    Column("frames", Integer, nullable=False),
    Column("sample", Integer),
)

frames = Table(
    "frame",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, unique=True),
    Column("split", Text, nullable=False),
    Column("sequence", Text, nullable=False),
    Column("name", Text, nullable=False, index=True),
    Column("root", Text, nullable=False),
    Column("image", Text, nullable=False),
    Column("annotation", Text, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("revisions", Integer, nullable=False),
    Column("author", Integer),
    Column("editor", Integer),
    Column("hands", Text, nullable=False),
    Column("holder", Integer),
    Column("claimant", Integer, index=True),
    Column("claimed_until", _BIG),
    Column("rounds", Integer, nullable=False),
    Column("reviewer1", Integer),
    Column("reviewer2", Integer),
    Column("reviewer3", Integer),
    Column("back", String(16), nullable=False),
    Column("after", String(16), nullable=False),
    Column("failed_at", String(16), nullable=False),
    Column("passed", Text, nullable=False),
    Column("sample", Integer, index=True),
    Column("position", Integer),
    Column("verdict", String(8), nullable=False),
    Column("bad", Integer, nullable=False),
    Column("moved", _BIG, nullable=False),
    # What 'next' looks for: of a stage, given to somebody or to nobody, the one that has waited longest.
    Index("frame_next", "stage", "holder", "moved", "id"),
    Index("frame_batch", "batch", "stage"),
)

revisions = Table(
    "revision",
    metadata,
    Column("frame", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False),
    Column("file_name", Text, nullable=False),
    Column("person", Integer, nullable=False, index=True),
    Column("at", _BIG, nullable=False),
    Column("shapes", Integer, nullable=False),
    Column("counts", Integer, nullable=False),
)

samples = Table(
    "sample",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("batch", Integer, nullable=False, index=True),
    Column("stage", String(16), nullable=False),
    Column("round", Integer, nullable=False),
    Column("seed", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("drawn", Integer, nullable=False),
    Column("allowed", Integer, nullable=False),
    Column("list_hash", String(64), nullable=False),
    Column("seal", String(64), nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("seen", Integer, nullable=False),
    Column("bad", Integer, nullable=False),
)

plants = Table(
    "plant",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("frame", Integer, nullable=False, index=True),
    Column("stage", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("person", Integer),
    Column("planter", Integer, nullable=False),
    Column("moved", _BIG, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("shape", Integer),
    Column("label", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("judge", Integer),
    Column("caught", Integer, nullable=False),
    Column("located", Integer, nullable=False),
)

# How people sign in. It is no part of the state: nothing in the log tells of it, and no backup holds it.
accounts = Table(
    "account",
    metadata,
    Column("person", Integer, primary_key=True, autoincrement=False),
    Column("password", Text, nullable=False),
)

links = Table(
    "link",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("person", Integer, nullable=False, index=True),
    Column("until", _BIG, nullable=False),
)

sessions = Table(
    "session",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("person", Integer, nullable=False, index=True),
    Column("csrf", Text, nullable=False),
    Column("until", _BIG, nullable=False, index=True),
)

# How long people were active at a frame, and when last; it enters the log with their verdict or hand-in.
activity = Table(
    "activity",
    metadata,
    Column("person", Integer, primary_key=True, autoincrement=False),
    Column("frame", Integer, primary_key=True, autoincrement=False),
    Column("microseconds", _BIG, nullable=False),
    Column("at", _BIG, nullable=False),
)

#: Where each kind of row lies.
TABLES: Final[dict[type, Table]] = {
    state.Project: projects,
    state.Person: people,
    state.Batch: batches,
    state.Frame: frames,
    state.Revision: revisions,
    state.Sample: samples,
    state.Plant: plants,
}
