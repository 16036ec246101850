"""What the supervisor of a node does: refuses a bad start, starts processes, keeps them alive, reloads, ends them."""
