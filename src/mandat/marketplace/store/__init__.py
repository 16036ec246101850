"""The marketplace's own database: SQLite for one process, PostgreSQL for several.

Keys of customers and of the application are sealed.
"""
