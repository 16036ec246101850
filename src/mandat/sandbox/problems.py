"""Why the sandbox does not start, in one sentence that says what to do."""


class SandboxStartError(Exception):
    """The sandbox cannot start with these settings. `str()` is one sentence for the person who started it."""
