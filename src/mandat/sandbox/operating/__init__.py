"""What people do to a sandbox's data, whether it runs or not: order faults, read the ledger, fill it at first."""
