"""What people see of the marketplace. Pages read forms strictly, call flows in threads, show what came of it."""
