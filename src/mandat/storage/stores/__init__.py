"""The stores of `mandat.authority.interfaces`, one module each. They change through writers and read through readers."""
