"""`mandat explain`: what became of one exchange, from its line in the access log and what the databases say now."""
