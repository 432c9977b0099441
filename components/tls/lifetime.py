"""Says when a certificate is renewed."""

from datetime import datetime


def is_due(not_before: str, not_after: str, now: datetime) -> bool:
    """Return whether two thirds of a certificate's lifetime, given as ISO 8601, are over, or it hasn't begun.

    The clock of the machine that has made one of the future was wrong, and servers with the right time can't
    be verified by it. If this machine's own clock is slow, the next one is valid for both.
    """
    begins, ends = datetime.fromisoformat(not_before), datetime.fromisoformat(not_after)
    return now < begins or now - begins >= (ends - begins) * 2 / 3
