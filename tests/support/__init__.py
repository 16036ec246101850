"""What several test rooms share: a running demo, free ports, waiting for a condition. No behaviour of the product is repeated here."""
