"""What a developer types: asking for rights, calling, signing; reading rules; checking and running stacks."""
