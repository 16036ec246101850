"""The stores of `mandat.authority.interfaces`. They change through writers and read through readers."""
