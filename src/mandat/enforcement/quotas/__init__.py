"""How many calls a credential, an application and an account may make: the buckets, and how workers draw on them."""
