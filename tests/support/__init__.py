"""What several test rooms share: a running demo, free ports, waiting for a condition."""
