"""Stand-ins that implement our interfaces, in memory."""
