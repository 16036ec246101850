"""The marketplace's own database: SQLite, opened by one process. Keys of customers and of the application sealed."""
