"""Grants as enforcement reads them: rows, their proof, and a cache that forgets what changed."""
