"""A signature of a write is admitted once: the memory, and how the processes of a node share it."""
