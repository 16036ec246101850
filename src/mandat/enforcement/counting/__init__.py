"""What a door counts: its own doings, how its memories do, which rights are used. Plain numbers; others show them."""
