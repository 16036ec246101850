"""The gateway beside other proxies, in the same rounds and with the same cores."""
