"""What the engine hands to the program's dynamic resources, for the servers of the loopback."""

from typing import Any

from components.journal.journal import InitJournal
from tests.integration.vault_servers import ACCESS, NAME
from tests.unit.fakes import init_inputs as unit_tests
from tests.unit.fakes.init_inputs import CLUSTER_UID

DEPLOYMENT = f"{CLUSTER_UID}/{NAME}/{NAME}"


def init_inputs(**changed: Any) -> dict[str, Any]:
    """Of the init: a seal of KMS, five shares, keys in the state."""
    of_servers = {"preflight_seconds": 30, "pod_start_seconds": 30}
    return unit_tests.init_inputs(**{"access": ACCESS.to_properties(), **of_servers, **changed})


def quorum_inputs(root_token: str, **changed: Any) -> dict[str, Any]:
    """Of the quorum of three servers, keys in the state."""
    of_servers = {"access": ACCESS.to_properties(), "deployment": DEPLOYMENT, "quorum_seconds": 60}
    return unit_tests.quorum_inputs(**{"token": root_token, "keys_fingerprint": "", **of_servers, **changed})


def unseal_inputs(**changed: Any) -> dict[str, Any]:
    """Of Shamir's unsealing of three servers."""
    return {
        "access": ACCESS.to_properties(),
        "deployment": DEPLOYMENT,
        "replicas": 3,
        "key_shares": [],
        "custody": {},
        "threshold": 3,
        "quorum_seconds": 60,
        **changed,
    }


def journal() -> InitJournal:
    """The journal of that init."""
    return InitJournal(ACCESS.target, NAME, DEPLOYMENT)
