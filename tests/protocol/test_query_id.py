"""The id of an exchange."""

import re

from mandat.protocol.query_id import make_query_id


def test_it_is_spelled_as_in_a_recorded_answer():
    """`FR.ws-3.5b1e76f8.1340.5617` came with `/auth/time` 1528723192."""
    made = make_query_id(zone="FR", host="ws-3", now=1528723192.7, pid=1340, random="5617")
    assert made == "FR.ws-3.5b1e76f8.1340.5617"


def test_its_time_has_eight_digits():
    made = make_query_id(zone="EU", host="a", now=1, pid=1, random="r")
    assert re.fullmatch(r"EU\.a\.00000001\.1\.r", made)
