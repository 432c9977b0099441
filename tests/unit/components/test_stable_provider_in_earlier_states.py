"""States of version 0.1.0 and before name provider classes; refresh and destroy load what the state names."""

import base64

import dill  # type: ignore[import-untyped]  # it ships no types
import pytest

from components.audit_devices import AuditDevicesProvider
from components.certificate_authority import CertificateAuthorityProvider
from components.first_snapshot import FirstSnapshotProvider
from components.given_certificate import GivenCertificateProvider
from components.google.key_identity import GoogleKeyIdentityProvider
from components.injector_admission import InjectorAdmissionProvider
from components.injector_rollout import InjectorRolloutProvider
from components.installed_release import InstalledReleaseProvider
from components.journal_key import JournalKeyProvider
from components.kubernetes_identity import KubernetesIdentityProvider
from components.operator_init import OperatorInitProvider
from components.own_certificate import OwnCertificateProvider
from components.pod_rollout import PodRolloutProvider
from components.raft_quorum import RaftQuorumProvider
from components.release_guard import ReleaseGuardProvider
from components.root_token_revocation import RootTokenRevocationProvider
from components.shamir_unseal import ShamirUnsealProvider
from components.snapshot_access import SnapshotAccessProvider
from components.stable_provider import StableProvider

# What `serialize_provider` of Pulumi 3.272.0 made of each before the components had folders.
IN_STATES: dict[type[StableProvider], str] = {
    OperatorInitProvider: (
        "gASVOAAAAAAAAACMGGNvbXBvbmVudHMub3BlcmF0b3JfaW5pdJSMFE9wZXJhdG9ySW5pdFByb3ZpZGVylJOUKYGULg=="
    ),
    PodRolloutProvider: (
        "gASVNAAAAAAAAACMFmNvbXBvbmVudHMucG9kX3JvbGxvdXSUjBJQb2RSb2xsb3V0UHJvdmlkZXKUk5QpgZQu"
    ),
    RaftQuorumProvider: (
        "gASVNAAAAAAAAACMFmNvbXBvbmVudHMucmFmdF9xdW9ydW2UjBJSYWZ0UXVvcnVtUHJvdmlkZXKUk5QpgZQu"
    ),
    ShamirUnsealProvider: (
        "gASVOAAAAAAAAACMGGNvbXBvbmVudHMuc2hhbWlyX3Vuc2VhbJSMFFNoYW1pclVuc2VhbFByb3ZpZGVylJOUKYGULg=="
    ),
    InjectorAdmissionProvider: (
        "gASVQgAAAAAAAACMHWNvbXBvbmVudHMuaW5qZWN0b3JfYWRtaXNzaW9ulIwZSW5qZWN0b3JBZG1pc3Npb25Qcm92aWRlcpST"
        "lCmBlC4="
    ),
    InjectorRolloutProvider: (
        "gASVPgAAAAAAAACMG2NvbXBvbmVudHMuaW5qZWN0b3Jfcm9sbG91dJSMF0luamVjdG9yUm9sbG91dFByb3ZpZGVylJOUKYGULg=="
    ),
    JournalKeyProvider: (
        "gASVNAAAAAAAAACMFmNvbXBvbmVudHMuam91cm5hbF9rZXmUjBJKb3VybmFsS2V5UHJvdmlkZXKUk5QpgZQu"
    ),
    KubernetesIdentityProvider: (
        "gASVRAAAAAAAAACMHmNvbXBvbmVudHMua3ViZXJuZXRlc19pZGVudGl0eZSMGkt1YmVybmV0ZXNJZGVudGl0eVByb3ZpZGVy"
        "lJOUKYGULg=="
    ),
    RootTokenRevocationProvider: (
        "gASVRwAAAAAAAACMIGNvbXBvbmVudHMucm9vdF90b2tlbl9yZXZvY2F0aW9ulIwbUm9vdFRva2VuUmV2b2NhdGlvblByb3Zp"
        "ZGVylJOUKYGULg=="
    ),
    ReleaseGuardProvider: (
        "gASVOAAAAAAAAACMGGNvbXBvbmVudHMucmVsZWFzZV9ndWFyZJSMFFJlbGVhc2VHdWFyZFByb3ZpZGVylJOUKYGULg=="
    ),
    InstalledReleaseProvider: (
        "gASVQAAAAAAAAACMHGNvbXBvbmVudHMuaW5zdGFsbGVkX3JlbGVhc2WUjBhJbnN0YWxsZWRSZWxlYXNlUHJvdmlkZXKUk5QpgZQu"
    ),
    CertificateAuthorityProvider: (
        "gASVSAAAAAAAAACMIGNvbXBvbmVudHMuY2VydGlmaWNhdGVfYXV0aG9yaXR5lIwcQ2VydGlmaWNhdGVBdXRob3JpdHlQcm92"
        "aWRlcpSTlCmBlC4="
    ),
    OwnCertificateProvider: (
        "gASVPAAAAAAAAACMGmNvbXBvbmVudHMub3duX2NlcnRpZmljYXRllIwWT3duQ2VydGlmaWNhdGVQcm92aWRlcpSTlCmBlC4="
    ),
    GivenCertificateProvider: (
        "gASVQAAAAAAAAACMHGNvbXBvbmVudHMuZ2l2ZW5fY2VydGlmaWNhdGWUjBhHaXZlbkNlcnRpZmljYXRlUHJvdmlkZXKUk5QpgZQu"
    ),
    AuditDevicesProvider: (
        "gASVOAAAAAAAAACMGGNvbXBvbmVudHMuYXVkaXRfZGV2aWNlc5SMFEF1ZGl0RGV2aWNlc1Byb3ZpZGVylJOUKYGULg=="
    ),
    SnapshotAccessProvider: (
        "gASVPAAAAAAAAACMGmNvbXBvbmVudHMuc25hcHNob3RfYWNjZXNzlIwWU25hcHNob3RBY2Nlc3NQcm92aWRlcpSTlCmBlC4="
    ),
    FirstSnapshotProvider: (
        "gASVOgAAAAAAAACMGWNvbXBvbmVudHMuZmlyc3Rfc25hcHNob3SUjBVGaXJzdFNuYXBzaG90UHJvdmlkZXKUk5QpgZQu"
    ),
    GoogleKeyIdentityProvider: (
        "gASVQwAAAAAAAACMHmNvbXBvbmVudHMuZ29vZ2xlX2tleV9pZGVudGl0eZSMGUdvb2dsZUtleUlkZW50aXR5UHJvdmlkZXKU"
        "k5QpgZQu"
    ),
}


@pytest.mark.parametrize("provider", IN_STATES, ids=lambda provider: str(provider.__name__))
def test_what_a_state_names_is_still_there(provider: type[StableProvider]) -> None:
    assert type(dill.loads(base64.b64decode(IN_STATES[provider]))) is provider  # noqa: S301 (a text of this file)


def test_every_provider_is_among_them() -> None:
    # The tests define providers of their own; which of them are loaded depends on what else runs.
    loaded = StableProvider.__subclasses__()
    of_the_program = {provider for provider in loaded if provider.__module__.startswith("components.")}
    assert set(IN_STATES) == of_the_program
