"""What an operator does with an installation by command, running or not."""
