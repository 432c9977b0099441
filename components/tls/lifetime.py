"""Says when a certificate is renewed."""

from datetime import datetime


def is_due(not_before: str, not_after: str, now: datetime) -> bool:
    """Return whether two thirds of a certificate's lifetime, given as ISO 8601, are over."""
    begins, ends = datetime.fromisoformat(not_before), datetime.fromisoformat(not_after)
    return now - begins >= (ends - begins) * 2 / 3
