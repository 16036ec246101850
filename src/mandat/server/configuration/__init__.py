"""The configuration file: what it can say, how it is read, and how mistakes in it are named."""
