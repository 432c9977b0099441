"""Vault's own seal, which needs nothing but people."""

from typing import cast

from components.config.reader import ConfigReader
from components.seals.seal import ProvisionedSeal, SealArgs
from components.seals.shamir import Seal


def test_there_is_nothing_to_set_or_to_create() -> None:
    seal = Seal.from_settings(ConfigReader({}, [], path="vault-autounseal"), None)
    assert seal.provision(cast(SealArgs, None)) == ProvisionedSeal()


def test_restarted_pod_needs_people_and_no_identity() -> None:
    assert (Seal.unseals_itself, Seal().needs_token_issuer) == (False, False)
