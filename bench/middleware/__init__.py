"""What the ASGI door adds to an application that does nothing."""
