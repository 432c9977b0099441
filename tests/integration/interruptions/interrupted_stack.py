"""A stack whose runs are killed, and settled as its user would."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sandbox.layout import REPOSITORY, Layout
from tests.end_to_end.faults import sessions
from tests.end_to_end.faults.results import write_result
from tests.integration.interruptions.interrupting_proxy import InterruptingProxy
from tests.integration.interruptions.interruption import Interruption, Settled
from tests.integration.plugin_stack import PluginStack

RESULTS = Layout(REPOSITORY / ".sandbox" / "isolated" / "integration")
"""Where the results are, beside those of the two clouds' end-to-end tests."""
_RUN_SECONDS = 180
# What isn't settled yet is no reason to end before the rest is done.
_UPDATE = ("--yes", "--skip-preview", "--continue-on-error")


@dataclass
class InterruptedStack:
    """A stack behind a proxy, and which of its interruptions aren't settled yet."""

    stack: PluginStack
    proxy: InterruptingProxy
    open: dict[Interruption, datetime] = field(default_factory=dict)

    def kill(self, *interruptions: Interruption, before: Callable[[], None] = lambda: None) -> None:
        """Update, and kill all processes of that when all of these are done and nobody has an answer.

        ``before`` is called when the run is to be killed, and still at work.
        """

        def interrupt() -> None:
            before()
            sessions.kill(process.pid)

        log = self.stack.folder / "killed.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                ["pulumi", "up", *_UPDATE, "--non-interactive"],
                cwd=self.stack.folder,
                env=self.stack.variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            actions = {one.action for one in interruptions}
            self.proxy.interrupt_after(actions, interrupt)
            assert process.wait(timeout=_RUN_SECONDS) < 0, log.read_text()
        self.stack.pulumi("cancel", "--yes")
        self.open.update(dict.fromkeys(interruptions, datetime.now(UTC)))

    def settle(self) -> None:
        """Run `pulumi up`, `resume` if that doesn't settle everything, and then `pulumi up` if it has to.

        Writes down what settled each.
        """
        told = [words for one in self.open for words in one.words]
        said = self.stack.pulumi("up", *_UPDATE, fails=bool(told))
        assert [words for words in told if words not in said] == [], said
        self._write(lambda _one: Settled.NEXT_RUN)
        if not self.open:
            return
        resumed = self.stack.components("resume", "--yes")
        assert resumed.returncode == 0, resumed.stderr
        self._write(lambda _one: Settled.RESUME)
        if self.open:
            # Helm's record is gone, and the release is still to be installed or upgraded. What nothing was
            # said of needed no `resume`: another resource's error ended the first run before it came to it.
            # These alone, as the rest is to be interrupted later.
            targets = [f"--target=**{one.resource_type}::*" for one in self.open]
            self.stack.pulumi("up", "--yes", "--skip-preview", *targets)
            self._write(lambda one: Settled.RESUME if one.words else Settled.NEXT_RUN)
        assert not self.open

    def _write(self, settled: Callable[[Interruption], Settled]) -> None:
        for one in list(self._settled()):
            del self.open[one]
            assert settled(one) is one.settled, one.name
            write_result(RESULTS, one, settled(one))

    def _settled(self) -> Iterator[Interruption]:
        """Yield the interruptions whose resource the state has as it is since then."""
        resources = json.loads(self.stack.pulumi("stack", "export"))["deployment"]["resources"]
        for one, since in self.open.items():
            times = [entry.get("modified") for entry in resources if entry["type"] == one.resource_type]
            if any(datetime.fromisoformat(time) > since for time in times if time):
                yield one
