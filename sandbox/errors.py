"""The root of the sandbox's own errors."""


class SandboxError(RuntimeError):
    """Something the sandbox needs is missing or failed; the message says what to do next."""
