"""What stops the marketplace from starting: one sentence that says what is wrong and what to do."""


class StartRefused(Exception):
    """The program cannot start. `sentence` is meant for the operator's eyes and never holds a secret."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
