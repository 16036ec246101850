"""`mandat sandbox`: the program, its fault switch, its ledger. `data` finds the sandbox that is meant."""
