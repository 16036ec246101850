"""Everything a developer does with applications: registering, own lists, secrets, keys for oneself."""
