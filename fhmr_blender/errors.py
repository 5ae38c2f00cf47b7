"""What went wrong in the artist's words."""


class FhmrError(Exception):
    """Something that the artist can mend: one sentence and its remedy.

    Programming mistakes stay `ValueError` with a traceback.
    """

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence} {remedy}")
        self.sentence = sentence
        self.remedy = remedy
