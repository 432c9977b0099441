"""A helm that is a script, with one release of the chart."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

MANIFEST = """---
apiVersion: v1
kind: Service
metadata: {name: vault, namespace: space}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: vault}
"""


class FakeHelm:
    """A `helm` on PATH which records its calls, and answers as it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        script = folder / "helm"
        script.write_text(
            "#!/bin/sh\n"
            f'cd "{folder}"; echo "$*" >> calls; cat > stdin; printf %s "$KUBECONFIG" > kubeconfig\n'
            'case "$1 $2" in "get metadata") name=metadata;; *) name=$1;; esac\n'
            'test -e "$name.error" && { cat "$name.error" >&2; exit 1; }\n'
            'cat "$name.answer"\n'
        )
        script.chmod(0o755)
        self.answer("show", "name: vault\nversion: 0.29.1\n")
        self.deployed()

    def answer(self, command: str, text: str) -> None:
        """Let a command answer with a text."""
        (self.folder / f"{command}.answer").write_text(text)
        (self.folder / f"{command}.error").unlink(missing_ok=True)

    def fail(self, command: str, text: str) -> None:
        """Let a command fail."""
        (self.folder / f"{command}.error").write_text(text)

    def deployed(self, *, status: str = "deployed", revision: int = 1, age: timedelta = timedelta()) -> None:
        """Let there be a release."""
        moment = datetime.now(UTC) - age + timedelta(seconds=1)
        release: dict[str, object] = {
            "name": "vault",
            "namespace": "space",
            "version": revision,
            "info": {"status": status, "last_deployed": moment.isoformat()},
            "config": {"server": {"replicas": 3}},
            "manifest": MANIFEST,
        }
        metadata = {"name": "vault", "version": "0.29.1", "appVersion": "1.18.1"}
        self.answer("status", json.dumps(release))
        self.answer("metadata", json.dumps({**metadata, "name": "vault", "chart": "vault"}))
        for command in ("install", "upgrade"):
            self.answer(command, json.dumps({**release, "chart": {"metadata": metadata}}))
        self.answer("uninstall", 'release "vault" uninstalled\n')

    @property
    def calls(self) -> list[str]:
        """The command lines, in order."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def stdin(self) -> str:
        """What the last call was given to read."""
        return (self.folder / "stdin").read_text()
