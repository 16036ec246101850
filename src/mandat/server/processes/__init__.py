"""The processes of a node, and what they are started, joined and watched with."""
