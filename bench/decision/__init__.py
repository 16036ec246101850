"""The decision beside libraries that verify signed requests or tokens: in one process, nothing else running."""
