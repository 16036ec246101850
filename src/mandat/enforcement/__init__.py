"""The decision point and its doors: reads grants, judges calls, forwards what is permitted. Mints nothing (design.md 3)."""
