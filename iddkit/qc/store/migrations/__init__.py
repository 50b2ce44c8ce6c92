"""Alembic's folder: each version of the tables made from the one before."""
