"""The first version: the log, the rows that are computed from it, and what keeps the log as it is."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_REASON = "the log of the review is only ever added to"

_SQLITE = """
CREATE TRIGGER event_{action} BEFORE {action} ON event BEGIN SELECT RAISE(ABORT, '{reason}'); END
"""

_POSTGRESQL = """
CREATE FUNCTION keep_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{reason}'; END $$;
CREATE TRIGGER event_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON event EXECUTE FUNCTION keep_events()
"""


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "event",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("actor", sa.Integer),
        sa.Column("frame", sa.Integer),
        sa.Column("batch", sa.Integer),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("revision", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("week_start", sa.Integer, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("max_rounds", sa.Integer, nullable=False),
        sa.Column("claim_seconds", sa.Integer, nullable=False),
        sa.Column("seed", _BIG, nullable=False),
        sa.Column("checklist", sa.Text, nullable=False),
        sa.Column("plan3", sa.Text, nullable=False),
        sa.Column("plan4", sa.Text, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("active", sa.Integer, nullable=False),
        sa.Column("absences", sa.Text, nullable=False),
        sa.Column("load", sa.Integer, nullable=False),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "batch",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("list_hash", sa.String(64), nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("sample", sa.Integer),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "frame",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("split", sa.Text, nullable=False),
        sa.Column("sequence", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("image", sa.Text, nullable=False),
        sa.Column("annotation", sa.Text, nullable=False),
        sa.Column("batch", sa.Integer, nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("revisions", sa.Integer, nullable=False),
        sa.Column("author", sa.Integer),
        sa.Column("editor", sa.Integer),
        sa.Column("hands", sa.Text, nullable=False),
        sa.Column("holder", sa.Integer),
        sa.Column("claimant", sa.Integer),
        sa.Column("claimed_until", _BIG),
        sa.Column("rounds", sa.Integer, nullable=False),
        sa.Column("reviewer1", sa.Integer),
        sa.Column("reviewer2", sa.Integer),
        sa.Column("reviewer3", sa.Integer),
        sa.Column("back", sa.String(16), nullable=False),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("failed_at", sa.String(16), nullable=False),
        sa.Column("passed", sa.Text, nullable=False),
        sa.Column("sample", sa.Integer),
        sa.Column("position", sa.Integer),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("bad", sa.Integer, nullable=False),
        sa.Column("moved", _BIG, nullable=False),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "revision",
        sa.Column("frame", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("person", sa.Integer, nullable=False),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("shapes", sa.Integer, nullable=False),
        sa.Column("counts", sa.Integer, nullable=False),
    )
    op.create_table(
        "sample",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("batch", sa.Integer, nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("seed", sa.Text, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("drawn", sa.Integer, nullable=False),
        sa.Column("allowed", sa.Integer, nullable=False),
        sa.Column("list_hash", sa.String(64), nullable=False),
        sa.Column("seal", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("seen", sa.Integer, nullable=False),
        sa.Column("bad", sa.Integer, nullable=False),
    )
    op.create_index("event_week", "event", ["at", "kind", "stage", "verdict", "frame", "batch", "seconds", "seq"])
    op.create_index("event_frame", "event", ["frame", "seq"])
    op.create_index("event_actor", "event", ["actor", "kind", "at"])
    op.create_index("event_batch", "event", ["batch", "kind", "seq"])
    op.create_index("ix_frame_name", "frame", ["name"])
    op.create_index("ix_frame_claimant", "frame", ["claimant"])
    op.create_index("ix_frame_sample", "frame", ["sample"])
    op.create_index("frame_next", "frame", ["stage", "holder", "moved", "id"])
    op.create_index("frame_batch", "frame", ["batch", "stage"])
    op.create_index("ix_revision_person", "revision", ["person"])
    op.create_index("ix_sample_batch", "sample", ["batch"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRESQL.format(reason=_REASON))
    else:
        for action in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(action=action, reason=_REASON))
