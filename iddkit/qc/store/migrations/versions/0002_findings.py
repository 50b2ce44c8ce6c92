"""Findings of the machine: whose label map it goes by, and what a project does with them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add two settings; a project that is there already goes on with the usual ones."""
    op.add_column("project", sa.Column("label_map", sa.Text, nullable=False, server_default="idd"))
    op.add_column("project", sa.Column("findings", sa.Text, nullable=False, server_default="show"))
