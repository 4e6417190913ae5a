"""When an API's trouble is everybody's, and submitting anything more is pointless."""


class Trouble:
    """How often in a row an API could serve nobody. A round is what was under way together.

    Ten tries that fail side by side are one sign of trouble, not ten; and trouble that only one
    picture meets is that picture's own. `most` rounds are too many.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.rounds = 0
        self._round_ends = 0
        self._met_by: set[str] = set()

    def met(self, by: str, nth: int, latest: int) -> None:
        """Count a try that failed: the nth that was sent, while `latest` have been sent by now."""
        self._met_by.add(by)
        if nth > self._round_ends:
            self.rounds += 1
            self._round_ends = latest

    def is_general(self) -> bool:
        """Whether it has lasted too long, and not for one picture only."""
        return self.rounds >= self.most and len(self._met_by) > 1

    def over(self) -> None:
        """Start anew: somebody was served."""
        self.rounds = 0
        self._met_by.clear()
