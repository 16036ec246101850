"""What the sandbox keeps: one SQLite file with one writer. Functions here take a connection inside a transaction."""
