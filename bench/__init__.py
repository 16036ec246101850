"""Measurements, side by side with peers in one run, told as ratios. `make bench`, or `make bench ARGS=--quick`."""
