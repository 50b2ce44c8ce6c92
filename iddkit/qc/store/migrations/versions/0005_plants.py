"""Planted errors: spoiled copies that reviewers are shown, to measure what they see."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add their table, empty."""
    op.create_table(
        "plant",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("frame", sa.Integer, nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("person", sa.Integer),
        sa.Column("planter", sa.Integer, nullable=False),
        sa.Column("moved", _BIG, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("shape", sa.Integer),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("judge", sa.Integer),
        sa.Column("caught", sa.Integer, nullable=False),
        sa.Column("located", sa.Integer, nullable=False),
    )
    op.create_index("ix_plant_frame", "plant", ["frame"])
