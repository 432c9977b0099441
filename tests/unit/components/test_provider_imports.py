"""What a preview loads into the provider host: no client of Vault, no cryptography, no cloud's SDK."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pulumi.dynamic import ResourceProvider

from components.google.key_identity import GoogleKeyIdentityProvider
from components.injector_admission import InjectorAdmissionProvider
from components.journal_key import JournalKeyProvider
from components.kubernetes_identity import KubernetesIdentityProvider
from components.operator_init import OperatorInitProvider
from components.raft_quorum import RaftQuorumProvider
from components.release_guard import ReleaseGuardProvider
from components.root_token_revocation import RootTokenRevocationProvider
from components.shamir_unseal import ShamirUnsealProvider
from sandbox.layout import REPOSITORY

SLOW = (
    "boto3",
    "botocore",
    "cryptography",
    "hvac",
    "pulumi_aws",
    "pulumi_gcp",
    "pulumi_kubernetes",
    "requests",
)
PROVIDERS: Mapping[type[ResourceProvider], Mapping[str, Any]] = {
    GoogleKeyIdentityProvider: {"key_id": "key"},
    InjectorAdmissionProvider: {},
    JournalKeyProvider: {},
    OperatorInitProvider: {"shares": 5, "threshold": 3},
    RaftQuorumProvider: {"replicas": 3},
    ReleaseGuardProvider: {"storage": "raft", "migrated_to": "", "seal_type": "awskms"},
    RootTokenRevocationProvider: {},
    ShamirUnsealProvider: {},
}
CHECK_AND_DIFF = """
import importlib, json, sys
module, name, properties = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
provider = getattr(importlib.import_module(module), name)()
assert not provider.check(dict(properties), dict(properties)).failures
assert not provider.diff("id", dict(properties), dict(properties)).changes
print(json.dumps(sorted({loaded.partition(".")[0] for loaded in sys.modules})))
"""
IMPORT_ONLY = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted({loaded.partition(".")[0] for loaded in sys.modules})))
"""


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.__name__)
def test_check_and_diff_load_nothing_slow(provider: type[ResourceProvider]) -> None:
    properties = json.dumps(PROVIDERS[provider])
    loaded = _loaded(CHECK_AND_DIFF, provider.__module__, provider.__name__, properties)
    assert "pulumi" in loaded
    assert sorted(set(loaded) & set(SLOW)) == []


def test_identity_of_the_cluster_loads_nothing_slow() -> None:
    """Its diff asks the cluster, by kubectl and nothing else, so here it is only loaded."""
    loaded = _loaded(IMPORT_ONLY, KubernetesIdentityProvider.__module__)
    assert sorted(set(loaded) & set(SLOW)) == []


def _loaded(program: str, *arguments: str) -> Sequence[str]:
    """The top-level packages that a new interpreter has loaded once it has run the program."""
    command = [sys.executable, "-c", program, *arguments]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    found: Sequence[str] = json.loads(answer.stdout)
    return found
