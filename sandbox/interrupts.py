"""Whether the programs that are started here can be interrupted."""

import signal


def allow_interrupts() -> None:
    """Undoes that interrupts are ignored, as they are where a shell started this process in its background.

    Children inherit it. Pulumi ends its plugins by an interrupt and waits 5 s for each that ignores it
    (pulumi/sdk/go/common/resource/plugin/plugin.go), so every command would take that much longer.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
