"""`/cloud`: projects with keys and instances. What an instance serves is run by `mandat.sandbox.instances`."""
