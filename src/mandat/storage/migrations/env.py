"""Run by Alembic, never imported: applies migrations on the connection that `storage.engine.migration` hands over.

One environment serves the three databases; which migrations belong to which is said by the folder they are in.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
