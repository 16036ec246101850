"""What stops a start: one sentence that says what is wrong and what to do."""


class Problem(Exception):
    """Start or administration cannot go on. `sentence` is meant for the operator's eyes and never holds a secret."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
