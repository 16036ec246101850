"""Keys at rest: where they lie, what they protect, how they are changed. Imports nothing, as its parent."""
