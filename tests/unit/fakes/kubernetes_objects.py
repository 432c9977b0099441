"""A kubectl that keeps objects in a folder and answers about them as an API server does.

Run as a command it is that kubectl; imported it sets one up. It knows the calls that the program makes of it,
names taken, versions replaced in the meantime, and preconditions of a deletion.
"""

import contextlib
import fcntl
import json
import re
import shlex
import sys
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

KINDS = {
    "statefulset": "StatefulSet",
    "pod": "Pod",
    "pvc": "PersistentVolumeClaim",
    "pods": "Pod",
    "replicasets": "ReplicaSet",
    "events": "Event",
}
"""What a list calls the kinds that a call names so."""


class KubernetesObjects:
    """The objects behind the kubectl that a test has put on PATH."""

    def __init__(self, folder: Path, namespace: str = "secrets") -> None:
        self._folder = folder
        self._namespace = namespace
        folder.mkdir(exist_ok=True)

    @property
    def script(self) -> str:
        """What the kubectl on PATH has to run."""
        command = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(self._folder)]
        return f'exec {shlex.join(command)} "$@"'

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of every call so far."""
        log = self._folder / "calls"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        path = self._path(kind, name)
        found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
        return found

    def put(self, kind: str, name: str, **content: Any) -> None:
        """Makes an object or changes it, as somebody else does."""
        with self._alone():
            present = self.get(kind, name) or {"metadata": {"name": name}}
            metadata = {**present["metadata"], **content.pop("metadata", {})}
            self._store(kind, {**present, **content, "metadata": metadata})

    def remove(self, kind: str, name: str) -> None:
        with self._alone():
            self._path(kind, name).unlink()

    def names(self, kind: str) -> list[str]:
        """The names of all objects of that kind."""
        return sorted(path.name.split(".", 2)[2] for path in self._folder.glob(f"{self._namespace}.{kind}.*"))

    def fail(self, pattern: str, message: str) -> None:
        """Lets every call whose arguments have the pattern in them fail with the message.

        ``{stdin}`` in it becomes what the call was given.
        """
        self._write_file(self._folder / "failure", [pattern, message])

    def recover(self) -> None:
        (self._folder / "failure").unlink()

    def before(self, pattern: str, kind: str, document: Mapping[str, Any] | None) -> None:
        """Before the next call that has the pattern in it, puts a document there or (None) removes all."""
        self._write_file(self._folder / "before", [pattern, kind, document])

    def answer(self, arguments: list[str]) -> None:
        """What kubectl does, in the namespace that the arguments name."""
        for argument in arguments:
            if argument.startswith("--namespace="):
                self._namespace = argument.partition("=")[2]
        with self._alone():
            with (self._folder / "calls").open("a") as log:
                log.write(json.dumps(arguments) + "\n")
            line = " ".join(arguments)
            self._fail_as_told(line)
            self._overtake_as_told(line)
            verb, *rest = [argument for argument in arguments if not argument.startswith("--")]
            if verb == "get":
                self._get(*rest, selected=_selection(arguments))
            elif verb == "create" and rest and rest[0].endswith("/eviction"):
                self._evict(rest[0].split("/")[-2], json.load(sys.stdin))
            elif verb in ("create", "replace"):
                self._write(verb, json.load(sys.stdin))
            elif verb == "delete":
                (kind, name) = rest[0].split("/")[-2:]
                self._delete(kind.removesuffix("s"), name, json.load(sys.stdin)["preconditions"])
            else:
                _refuse(f"error: unknown command {verb}")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other call, and no other change, lies between what is read here and what is written."""
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _fail_as_told(self, line: str) -> None:
        told = self._told("failure")
        if told is not None:
            pattern, message = told
            if re.search(pattern, line):
                _refuse(message.replace("{stdin}", sys.stdin.read()) if "{stdin}" in message else message)

    def _overtake_as_told(self, line: str) -> None:
        told = self._told("before")
        if told is None:
            return
        pattern, kind, document = told
        if not re.search(pattern, line):
            return
        (self._folder / "before").unlink()
        if document is None:
            for path in self._folder.glob(f"{self._namespace}.{kind}.*"):
                path.unlink()
        else:
            self._store(kind, document)

    def _get(self, kind: str, name: str = "", *, selected: Mapping[str, str]) -> None:
        if not name:
            listed = [
                {"kind": KINDS[one], **(self.get(one.removesuffix("s"), found) or {})}
                for one in kind.split(",")
                for found in self.names(one.removesuffix("s"))
            ]
            found_all = [item for item in listed if _selects(selected, item)]
            print(json.dumps({"kind": "List", "items": found_all}))
            return
        found = self.get(kind.partition(".")[0], name)
        if found is not None:
            print(json.dumps(found))

    def _write(self, verb: str, document: dict[str, Any]) -> None:
        kind, metadata = document["kind"].lower(), document["metadata"]
        what = f'{kind}s "{metadata["name"]}"'
        present = self.get(kind, metadata["name"])
        if kind == "lease":
            _require_valid_lease(what, document.get("spec", {}))
        if verb == "create" and metadata.get("resourceVersion"):
            _refuse("Error from server: resourceVersion should not be set on objects to be created")
        if verb == "create" and present is not None:
            _refuse(f'Error from server (AlreadyExists): error when creating "STDIN": {what} already exists')
        if verb == "replace" and present is None and kind != "lease":
            _refuse(f'Error from server (NotFound): error when replacing "STDIN": {what} not found')
        if verb == "replace" and present is None and metadata.get("uid"):
            # An update may create a Lease (pkg/registry/coordination/lease/strategy.go), whatever version it
            # names; only a uid is compared with that of nothing (registry/generic/registry/store.go).
            _refuse(
                f'Error from server (Conflict): error when replacing "STDIN": {what}: Precondition failed'
            )
        if verb == "replace" and present is not None:
            # Without a version an update is unconditional, of Leases too: the API server would refuse that,
            # but kubectl asks for the present version first (Helper.Replace of cli-runtime).
            self._require(what, metadata, present["metadata"])
        print(json.dumps(self._store(kind, document)))

    def _delete(self, kind: str, name: str, preconditions: Mapping[str, str]) -> None:
        present = self.get(kind, name)
        if present is None:
            _refuse(f'Error from server (NotFound): {kind}s "{name}" not found')
        self._require(f'{kind}s "{name}"', preconditions, present["metadata"])
        self._path(kind, name).unlink()

    def _evict(self, name: str, eviction: Mapping[str, Any]) -> None:
        """Deletes a pod as pkg/registry/core/pod/storage/eviction.go does without a disruption budget."""
        if eviction["kind"] != "Eviction" or eviction["metadata"]["name"] != name:
            _refuse("Error from server (BadRequest): name in URL does not match name in Eviction object")
        self._delete("pod", name, eviction["deleteOptions"]["preconditions"])

    def _require(self, what: str, wanted: Mapping[str, str], present: Mapping[str, str]) -> None:
        for field in ("uid", "resourceVersion"):
            if wanted.get(field, present[field]) != present[field]:
                _refuse(f"Error from server (Conflict): Operation cannot be fulfilled on {what}: {field}")

    def _store(self, kind: str, document: dict[str, Any]) -> dict[str, Any]:
        metadata = document["metadata"]
        present = self.get(kind, metadata["name"])
        uid = metadata.get("uid") or (present["metadata"]["uid"] if present else str(uuid.uuid4()))
        version = str(uuid.uuid4().int % 10**6)
        created = present["metadata"]["creationTimestamp"] if present else _now()
        metadata = {"creationTimestamp": created, **metadata, "uid": uid, "resourceVersion": version}
        stored = {**document, "metadata": metadata}
        self._write_file(self._path(kind, metadata["name"]), stored)
        return stored

    def _write_file(self, path: Path, content: object) -> None:
        """Writes it in one step, as a lease may be renewed at the same moment."""
        new = self._folder / f"new-{uuid.uuid4()}"
        new.write_text(json.dumps(content))
        new.replace(path)

    def _told(self, name: str) -> Any:
        """What a test has ordered; None for nothing."""
        try:
            return json.loads((self._folder / name).read_text())
        except FileNotFoundError:
            return None

    def _path(self, kind: str, name: str) -> Path:
        return self._folder / f"{self._namespace}.{kind}.{name}"


def _selection(arguments: list[str]) -> Mapping[str, str]:
    """The values that a selector asks for, by the path of the field."""
    selected = {}
    for argument in arguments:
        option, _, terms = argument.partition("=")
        if option in ("--selector", "--field-selector"):
            under = "metadata.labels/" if option == "--selector" else ""
            selected.update(
                {under + term.partition("=")[0]: term.partition("=")[2] for term in terms.split(",")}
            )
    return selected


def _selects(selected: Mapping[str, str], item: Mapping[str, Any]) -> bool:
    """Whether an object has the values, of labels (whose names may have dots) or of fields."""
    for path, wanted in selected.items():
        field, slash, label = path.partition("/") if path.startswith("metadata.labels/") else (path, "", "")
        value: Any = item
        for part in [*field.split("."), *([label] if slash else [])]:
            value = (value or {}).get(part)
        if value != wanted:
            return False
    return True


def _require_valid_lease(what: str, spec: Mapping[str, Any]) -> None:
    """Refuses what the API server does (pkg/apis/coordination/validation, and the format of MicroTime)."""
    for field in ("acquireTime", "renewTime"):
        if field in spec and not re.fullmatch(r"\S+T\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)", spec[field]):
            _refuse(
                f'Error from server (BadRequest): error when creating "STDIN": parsing time {spec[field]!r}'
            )
    if not spec.get("leaseDurationSeconds", 1) > 0:
        _refuse(f"The Lease {what} is invalid: spec.leaseDurationSeconds: must be greater than 0")
    if not spec.get("leaseTransitions", 0) >= 0:
        _refuse(f"The Lease {what} is invalid: spec.leaseTransitions: must be greater than or equal to 0")


def _now() -> str:
    """As an API server writes it: whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refuse(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    KubernetesObjects(Path(sys.argv[1])).answer(sys.argv[2:])
