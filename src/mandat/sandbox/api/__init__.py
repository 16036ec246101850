"""The sandbox's API: one table of operations, from which come its routes, checks, and description documents."""
