"""What Alembic runs to reach the database; `iddkit.qc.store.migrate` hands it the connection."""

from alembic import context

from iddkit.qc.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
