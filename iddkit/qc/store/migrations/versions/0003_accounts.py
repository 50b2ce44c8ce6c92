"""Signing in to the review page: passwords, links that work once, sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add their tables; nobody can sign in until a link is made for them."""
    op.create_table(
        "account",
        sa.Column("person", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("password", sa.Text, nullable=False),
    )
    op.create_table(
        "link",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("person", sa.Integer, nullable=False),
        sa.Column("until", _BIG, nullable=False),
    )
    op.create_index("ix_link_person", "link", ["person"])
    op.create_table(
        "session",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("person", sa.Integer, nullable=False),
        sa.Column("csrf", sa.Text, nullable=False),
        sa.Column("until", _BIG, nullable=False),
    )
    op.create_index("ix_session_person", "session", ["person"])
    op.create_index("ix_session_until", "session", ["until"])
