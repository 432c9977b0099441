"""The way to the pods of the release."""

import pytest

from components.vault_release import pod_access
from tests.unit.fakes.init_inputs import TARGET
from tests.unit.fakes.stack_settings import SHAMIR, parse


@pytest.mark.parametrize("address", ["", "http://{pod}.vault:8200"])
def test_address_of_the_settings_leads_to_the_pods(address: str) -> None:
    access = pod_access(parse({**SHAMIR, **({"podAddress": address} if address else {})}), TARGET)
    assert (access.address, access.statefulset, access.target) == (address, "vault", TARGET)
