"""Unseals Vault with Shamir's key shares, once after the init. The command `unseal` does it again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, UpdateResult

from components.awaits_release import awaits_release
from components.custody.key_custody import KeyCustody
from components.shares.unseal import unseal_pods
from components.stable_provider import StableProvider, StableResource
from components.vault.pod_access import PodAccess, pods_identity

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.operator_init import OperatorInit
    from components.settings import Settings
    from components.vault_release import VaultRelease

INPUTS = ("access", "deployment", "replicas", "key_shares", "custody", "threshold", "quorum_seconds")


@awaits_release(pods_identity)
class ShamirUnsealProvider(StableProvider):
    """Unseals at creation and when the number of pods changes."""

    inputs = INPUTS

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Unseal every pod."""
        _unseal(props)
        return CreateResult(pods_identity(props), self.input_values(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Unseal every pod that is sealed."""
        _unseal(_news)
        return super().update(_id, _olds, _news)


def _unseal(props: dict[str, Any]) -> None:
    access = PodAccess.from_properties(props["access"])
    custody = KeyCustody.from_properties(props["custody"], access.target, str(props["deployment"]))
    record = custody.find()
    key_shares = record.key_shares if record is not None else props["key_shares"]
    threshold = record.threshold if record is not None else int(props["threshold"])
    # An adopted Vault has no shares here; the holders of its shares unseal it.
    if key_shares:
        unseal_pods(
            access,
            replicas=int(props["replicas"]),
            key_shares=key_shares,
            threshold=threshold,
            seconds=float(props["quorum_seconds"]),
        )


class ShamirUnseal(StableResource, module="vault", name="ShamirUnseal"):
    """A Vault whose pods were all unsealed with the key shares of the init."""

    def __init__(
        self,
        name: str,
        *,
        settings: "Settings",
        release: "VaultRelease",
        init: "OperatorInit",
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, Any] = {
            "access": release.access.to_properties(),
            "deployment": init.deployment,
            "replicas": settings.replicas,
            "key_shares": pulumi.Output.secret(init.key_shares),
            "custody": settings.custody.to_properties(),
            "threshold": init.threshold,
            "quorum_seconds": settings.deadlines.quorum_seconds,
            **release.awaiting,
        }
        super().__init__(
            ShamirUnsealProvider(),
            name,
            properties,
            opts,
            secret_outputs=["key_shares"],
        )


def unseal_with_key_shares(
    settings: "Settings", release: "VaultRelease", init: "OperatorInit"
) -> Sequence[pulumi.Resource]:
    """Unseal every pod if the seal is Shamir's; do nothing with a seal that unseals by itself."""
    if settings.seal.unseals_itself:
        return ()
    return (
        ShamirUnseal(
            "shamir-unseal",
            settings=settings,
            release=release,
            init=init,
            opts=pulumi.ResourceOptions(depends_on=[init]),
        ),
    )


if __name__ == "__main__":
    # An earlier version was run this way, and silence would pass for success.
    raise SystemExit("The command is `python -m components unseal` now.")
