"""The decision point and its doors: reads grants, judges calls, forwards what is permitted (design.md 3)."""
