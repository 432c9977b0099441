"""Look-ups of what exists in AWS, with an error that tells a person what to do when it doesn't."""

from collections.abc import Callable
from typing import TypeVar

from components.errors import DeploymentError

Found = TypeVar("Found")


def look_up(what: str, mend: str, invoke: Callable[[], Found]) -> Found:
    """The answer of ``invoke``; raises :class:`DeploymentError` with ``what`` and ``mend`` where it fails."""
    try:
        return invoke()
    # The SDK raises the bare Exception for a failed invoke (pulumi/runtime/invoke.py), so nothing
    # narrower can be named; the cause is kept in the message.
    except Exception as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise DeploymentError(f"{what}: {reason}\n{mend}") from error
