"""Faults under load against a real `mandat serve`, judged by comparing what clients were told with what is stored."""
