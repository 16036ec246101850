"""The people who shop here: signing up, logging in, staying logged in. Their accounts are ours, not the provider's."""
