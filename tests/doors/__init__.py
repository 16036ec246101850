"""One table of calls, every door."""
