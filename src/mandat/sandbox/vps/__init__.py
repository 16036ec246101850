"""`/vps`: virtual servers that have a state and tasks, and nothing behind them."""
