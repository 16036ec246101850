"""What an operator does with stored state: backup, restore, export, erasure, retention, verification."""
