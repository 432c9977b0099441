"""No key, root token or key of the journal appears anywhere but where the custody keeps it.

The other custodies are looked through when they are tried, in `test_custody.py`.
"""

import base64
import json
from pathlib import Path

from tests.end_to_end.deployment import ONE_POD, Deployment
from tests.end_to_end.faults.custodies import FILE, STATE
from tests.end_to_end.leak_search import (
    QUESTIONS,
    aws_journal_key,
    require_nowhere_else,
    require_settings_nowhere_else,
)
from tests.end_to_end.scheduled_snapshots import SCHEDULE
from tests.end_to_end.test_custody import assert_unchanged, assert_unlocks, forget_the_init


def test_state(fresh: Deployment, tmp_path: Path) -> None:
    """Snapshots are taken meanwhile, to a volume."""
    snapshots = {"schedule": SCHEDULE, "volume": {"size": "1Gi"}}
    require_nowhere_else(fresh, STATE, tmp_path, aws_journal_key, changes={"snapshots": snapshots})
    assert fresh.outputs()["first_snapshot"]


def test_change_of_shares_and_adoption(fresh: Deployment, tmp_path: Path) -> None:
    """The adoption has the keys and a token in the settings."""
    first = require_nowhere_else(fresh, FILE, tmp_path, aws_journal_key)
    before = fresh.outputs()
    init = {"shares": 4, "threshold": 2}
    changes = {"init": init}
    keys = require_nowhere_else(fresh, FILE, tmp_path, aws_journal_key, changes=changes, earlier=first)
    assert len(keys.shares) == 4
    assert not set(first.shares) & set(keys.shares)
    assert fresh.outputs()["keys_fingerprint"] != before["keys_fingerprint"]
    assert_unchanged(fresh)

    forget_the_init(fresh)
    path = str(tmp_path / "keys" / "adopted.json")
    settings = {"custody": {"store": "file", "path": path}, "init": {**init, "adopt": True}}
    answer = {
        "root_token": keys.root_token,
        "recovery_keys_b64": list(keys.shares),
        "recovery_keys_threshold": init["threshold"],
    }
    secrets = {"adoptedKeys": json.dumps(answer), "token": keys.root_token}
    require_settings_nowhere_else(fresh, keys, settings, secrets, tmp_path)
    assert fresh.outputs()["keys_location"] == f"file {path}"
    assert json.loads(Path(path).read_text())["recovery_shares"] == list(keys.shares)
    assert_unlocks(fresh)


def test_keys_of_the_certificate(fresh: Deployment) -> None:
    """The servers' key is in their Secret alone, and the authority's is a secret of the state."""
    fresh.configure({**ONE_POD, "tls": {"source": "own"}})
    said = fresh.stack.run("up", "--yes", "--skip-preview", "--debug")
    assert said.returncode == 0, said.stdout + said.stderr
    secret = fresh.cluster.get("secret", f"{fresh.name}-server-tls", fresh.in_namespace)
    servers_key = base64.b64decode(secret["data"]["tls.key"]).decode()
    resources = json.loads(fresh.stack.pulumi("stack", "export", "--show-secrets", quiet=True))
    assert _body(servers_key) not in json.dumps(resources)
    (authority,) = (
        one
        for one in resources["deployment"]["resources"]
        if one["type"].endswith("vault:CertificateAuthority")
    )
    authoritys_key = json.loads(authority["outputs"]["key"]["plaintext"])
    answers = [fresh.stack.run(*question) for question in QUESTIONS]
    shown = "".join(result.stdout + result.stderr for result in (said, *answers))
    for key in (servers_key, authoritys_key):
        assert "PRIVATE KEY" in key
        assert _body(key) not in shown
    assert "PRIVATE KEY" not in shown


def _body(key: str) -> str:
    """A line in the middle of a key's PEM."""
    return key.splitlines()[1]
