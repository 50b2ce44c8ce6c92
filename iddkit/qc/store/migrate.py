"""Migrations: the tables of an older version are brought to this one by Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_MIGRATIONS = Path(__file__).parent / "migrations"


def make_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration: where the migrations lie, and what they run on."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Make the tables, or bring them to the latest version; all of it in one transaction, or nothing."""
    command.upgrade(make_config(connection), "head")
    connection.commit()
