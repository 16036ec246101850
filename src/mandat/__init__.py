"""Mandat: delegated API access, self-hosted. The rooms and their order are drawn in docs/architecture.md."""
