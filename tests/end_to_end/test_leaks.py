"""No key, root token or key of the journal appears anywhere but where the custody keeps it.

The other custodies are looked through when they are tried, in `test_custody.py`.
"""

import json
from pathlib import Path

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.faults.custodies import FILE, STATE
from tests.end_to_end.leak_search import (
    aws_journal_key,
    require_nowhere_else,
    require_settings_nowhere_else,
)
from tests.end_to_end.test_custody import assert_unchanged, assert_unlocks, forget_the_init


def test_state(fresh: Deployment, tmp_path: Path) -> None:
    require_nowhere_else(fresh, STATE, tmp_path, aws_journal_key)


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
