"""Spans for a collector of traces, made from the access log. Only `spans` needs the extra `tracing`."""
