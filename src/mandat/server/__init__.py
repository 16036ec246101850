"""The composition root: configuration, clock, entropy, wiring, supervision. The only room that knows all the others."""
