"""What a preview loads into the provider host: no client of Vault, no cryptography, no cloud's SDK."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import ResourceProvider

from components.certificate_authority import CertificateAuthorityProvider
from components.google.key_identity import GoogleKeyIdentityProvider
from components.injector_admission import InjectorAdmissionProvider
from components.injector_rollout import InjectorRolloutProvider
from components.journal_key import JournalKeyProvider
from components.kubernetes_identity import KubernetesIdentityProvider
from components.operator_init import OperatorInitProvider
from components.own_certificate import OwnCertificateProvider
from components.pod_rollout import INPUTS as ROLLOUT_INPUTS
from components.pod_rollout import PodRolloutProvider
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
_UNTIL_2100 = {"not_before": "2020-01-01T00:00:00+00:00", "not_after": "2100-01-01T00:00:00+00:00"}
PROVIDERS: Mapping[type[ResourceProvider], Mapping[str, Any] | None] = {
    CertificateAuthorityProvider: _UNTIL_2100,
    OwnCertificateProvider: {"fingerprint": "sha256", **_UNTIL_2100},
    GoogleKeyIdentityProvider: {"key_id": "key"},
    InjectorAdmissionProvider: {},
    InjectorRolloutProvider: {},
    JournalKeyProvider: {},
    OperatorInitProvider: {"shares": 5, "threshold": 3},
    PodRolloutProvider: {"deployment": "uid/vault/vault", **dict.fromkeys(ROLLOUT_INPUTS, "")},
    ReleaseGuardProvider: {"storage": "raft", "migrated_to": "", "seal_type": "awskms"},
    RootTokenRevocationProvider: {},
    ShamirUnsealProvider: {},
    # Their diffs ask the cluster, by kubectl and nothing else, so they are only loaded.
    KubernetesIdentityProvider: None,
    RaftQuorumProvider: None,
}
LOAD = """
import importlib, json, sys
for module, name, properties in json.loads(sys.argv[1]):
    provider = getattr(importlib.import_module(module), name)()
    if properties is not None:
        assert not provider.check(dict(properties), dict(properties)).failures
        assert not provider.diff("id", dict(properties), dict(properties)).changes
    loaded = sorted({loaded.partition(".")[0] for loaded in sys.modules})
    print(json.dumps([name, loaded]))
"""


def test_check_and_diff_load_nothing_slow() -> None:
    """In one interpreter, as in the provider host: the first with anything slow is the one to fix."""
    asked = [
        (provider.__module__, provider.__name__, properties) for provider, properties in PROVIDERS.items()
    ]
    command = [sys.executable, "-c", LOAD, json.dumps(asked)]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    loaded = dict(json.loads(line) for line in answer.stdout.splitlines())
    assert list(loaded) == [provider.__name__ for provider in PROVIDERS]
    slow = {name: found for name, packages in loaded.items() if (found := sorted(set(packages) & set(SLOW)))}
    assert slow == {}
    assert all("pulumi" in packages for packages in loaded.values())
