"""A kubectl that keeps Secrets in a folder, with the API server's rules on names and versions.

Run as a script with the folder and then kubectl's arguments. Beside the Secrets the folder holds ``calls``
(the arguments of each call, a line each) and ``errors.json`` (what kubectl says in place of an answer, by
verb).
"""

import json
import sys
from pathlib import Path
from typing import Any


def refuse(message: str) -> None:
    print(message, file=sys.stderr)
    sys.exit(1)


def answer(folder: Path, arguments: list[str]) -> None:
    with (folder / "calls").open("a") as calls:
        calls.write(" ".join(arguments) + "\n")
    namespace = next(a.removeprefix("--namespace=") for a in arguments if a.startswith("--namespace="))
    verb, *rest = [a for a in arguments if not a.startswith(("--namespace=", "--context="))]
    errors: dict[str, str] = json.loads((folder / "errors.json").read_text())
    document: dict[str, Any] = json.load(sys.stdin) if "--filename=-" in rest else {}
    if verb in errors:
        refuse(errors[verb].replace("{stdin}", json.dumps(document)))
    if verb == "get":
        found = folder / f"{namespace}.{rest[1]}.json"
        print(found.read_text() if found.exists() else "")
        return
    if verb == "delete":
        name = rest[rest.index("--raw") + 1].rpartition("/")[2]
        path = folder / f"{namespace}.{name}.json"
        stored = json.loads(path.read_text())["metadata"]
        if any(stored[key] != value for key, value in document["preconditions"].items()):
            refuse("Error from server (Conflict): the object has been modified")
        path.unlink()
        print("{}")
        return
    name = document["metadata"]["name"]
    path = folder / f"{namespace}.{name}.json"
    if verb == "create":
        if path.exists():
            refuse(f'Error from server (AlreadyExists): secrets "{name}" already exists')
        metadata = {"uid": f"uid-of-{name}", "resourceVersion": "1"}
    else:
        metadata = json.loads(path.read_text())["metadata"]
        if document["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
            refuse(f'Error from server (Conflict): Operation cannot be fulfilled on secrets "{name}"')
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
    document["metadata"] |= {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    path.write_text(json.dumps(document))
    print(json.dumps(document))


if __name__ == "__main__":
    answer(Path(sys.argv[1]), sys.argv[2:])
