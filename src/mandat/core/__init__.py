"""The meaning of a delegation: rules, grants, the life of a credential, the decision.

Pure: no IO, no clock, no randomness.
"""
