"""PostgreSQL: the same tables in one database, for installations of more than one node. See docs/adr/0007."""
