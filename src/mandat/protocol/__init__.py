"""The wire: OVH API v1 strings and bytes, signing, the error table. Pure: no IO, no clock, no randomness."""
