"""The servers behind the gateway: a pool of kept connections to each, and where an answer begins and ends.

`pool` chooses or opens a `connection`, which sends a `call` and relays its answer; `answer_framing` reads heads.
"""
