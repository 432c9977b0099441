"""Declares the base class of the program's own errors."""

import pulumi


class DeploymentError(pulumi.RunError):
    """An error that a person has to fix; the message says what and how.

    Derives from :class:`pulumi.RunError`, which the language host prints as one message
    without the program's stack trace.
    """


class RetryableError(DeploymentError):
    """An error that may pass, such as of a pod that isn't ready yet; a retry may help until a deadline."""


class SettingsError(DeploymentError):
    """One or more settings of the stack are wrong; raised before any resource is registered.

    ``problems`` holds one sentence per setting: its key, its value and the fix.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        count = "1 setting is wrong" if len(problems) == 1 else f"{len(problems)} settings are wrong"
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{count}; nothing was created or changed:\n{listed}")
