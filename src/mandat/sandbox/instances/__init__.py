"""Running instances: an isolated web server for each, on a loopback address of its own."""
