"""Databases, key files and password hashes. Imports nothing, so that gateways load only what they read with."""
