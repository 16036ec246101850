"""What is on disk: how fast it is acknowledged, found again, and kept in memory, with a million credentials."""
