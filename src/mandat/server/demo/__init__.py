"""The demo: the whole system on one machine, with people and zones to play with."""
