"""What an operator types: accounts, applications, keys, audit, backup, explanation. `administration` is the way in."""
