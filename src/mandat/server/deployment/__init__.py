"""Writes the configuration of a front proxy that asks Mandat about each call, filled from ours.

One template for each proxy; `values` is what fills them. What is printed is what tests/doors runs (Traefik excepted,
of which no binary could be had). Guide: docs/guide/forward-auth.md.
"""
