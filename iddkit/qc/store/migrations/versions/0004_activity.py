"""Active time at the review page, until it is written to the log with what came of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add its table, empty."""
    op.create_table(
        "activity",
        sa.Column("person", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("frame", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("microseconds", _BIG, nullable=False),
        sa.Column("at", _BIG, nullable=False),
    )
