"""Unsealing with Shamir's key shares: once after the init, and by a command after every restart.

`python -m components.shamir_unseal` takes the shares of the selected stack.
"""

import sys
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, UpdateResult

from components.errors import DeploymentError
from components.key_custody import KeyCustody
from components.operator_init import OperatorInit
from components.pod_access import PodAccess, PodUnreachableError
from components.progress import Waiting, say
from components.provider_errors import report_without_trace
from components.settings import Settings
from components.stable_provider import StableProvider
from components.stack_keys import keys_of, selected_stack_outputs
from components.vault_client import VaultClient, VaultUnavailableError
from components.vault_release import VaultRelease

INPUTS = ("access", "deployment", "replicas", "key_shares", "custody", "threshold", "quorum_seconds")


def unseal_pods(
    access: PodAccess, *, replicas: int, key_shares: Sequence[str], threshold: int, seconds: float
) -> None:
    """Unseals every pod that is sealed, pod 0 first, as the others join the cluster through it.

    Raises :class:`DeploymentError` where a pod isn't unsealed when ``seconds`` are over, or where the
    shares aren't those of this Vault.
    """
    waiting = Waiting("Unsealing", seconds)
    for ordinal in range(replicas):
        while not _unsealed(access, ordinal, key_shares[:threshold], waiting):
            pass
        say(f"{access.pod(ordinal)} is unsealed")


def _unsealed(access: PodAccess, ordinal: int, shares: Sequence[str], waiting: Waiting) -> bool:
    """One attempt; False is worth another one."""
    pod = access.pod(ordinal)
    try:
        access.await_running(ordinal, seconds=min(10, waiting.remaining_seconds))
        with access.reach(ordinal) as address:
            client = VaultClient(address)
            status = client.seal_status()
            if not status.sealed:
                return True
            state = "not joined yet"
            # A pod that hasn't joined doesn't know the seal's configuration and refuses shares.
            if status.initialized:
                for share in shares:
                    client.submit_key_share(share)
                state = "shares given"
    except (PodUnreachableError, VaultUnavailableError) as error:
        state = str(error)
    if waiting.over:
        raise DeploymentError(
            f"{pod} isn't unsealed: {state}. The key shares are safe in the stack; run pulumi up again, or "
            "python -m components.shamir_unseal."
        )
    waiting.pause(f"{pod}: {state}")
    return False


class ShamirUnsealProvider(StableProvider):
    """Unseals at creation and when the number of pods changes."""

    inputs = INPUTS

    @report_without_trace
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Unseals every pod."""
        access = PodAccess.from_properties(props["access"])
        _unseal(props)
        return CreateResult(
            f"{access.target.namespace}/{access.statefulset}", {name: props[name] for name in INPUTS}
        )

    @report_without_trace
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """As ``create``; pods that are unsealed are left alone."""
        _unseal(_news)
        return UpdateResult({name: _news[name] for name in INPUTS})


def _unseal(props: dict[str, Any]) -> None:
    access = PodAccess.from_properties(props["access"])
    custody = KeyCustody.from_properties(props["custody"], access.target, str(props["deployment"]))
    record = custody.find()
    key_shares = record.key_shares if record is not None else props["key_shares"]
    # An adopted Vault has no shares here; whoever holds them unseals it.
    if key_shares:
        unseal_pods(
            access,
            replicas=int(props["replicas"]),
            key_shares=key_shares,
            threshold=int(props["threshold"]),
            seconds=float(props["quorum_seconds"]),
        )


class ShamirUnseal(Resource, module="vault", name="ShamirUnseal"):
    """Every pod unsealed with the key shares of the init."""

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        access: PodAccess,
        init: OperatorInit,
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, Any] = {
            "access": access.to_properties(),
            "deployment": init.deployment,
            "replicas": settings.replicas,
            "key_shares": pulumi.Output.secret(init.key_shares),
            "custody": settings.custody.to_properties(),
            "threshold": settings.init.threshold,
            "quorum_seconds": settings.deadlines.quorum_seconds,
        }
        super().__init__(
            ShamirUnsealProvider(),
            name,
            properties,
            pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions(additional_secret_outputs=["key_shares"]), opts
            ),
        )


def unseal_with_key_shares(
    settings: Settings, release: VaultRelease, init: OperatorInit
) -> Sequence[pulumi.Resource]:
    """Unseals every pod where the seal is Shamir's; nothing with a seal that unseals by itself."""
    if settings.seal.unseals_itself:
        return ()
    return (
        ShamirUnseal(
            "shamir-unseal",
            settings=settings,
            access=release.access,
            init=init,
            opts=pulumi.ResourceOptions(depends_on=[init]),
        ),
    )


def main() -> int:
    """Unseals the pods of the stack that is selected, with its key shares."""
    try:
        _unseal_selected_stack()
    except DeploymentError as error:
        say(str(error))
        return 1
    return 0


def _unseal_selected_stack() -> None:
    outputs = selected_stack_outputs()
    if outputs.get("migrate_from"):
        raise DeploymentError(
            "The seal of this stack's Vault is being migrated: run python -m components.seal_migration "
            "instead."
        )
    record = keys_of(outputs)
    if record is None or not record.key_shares:
        raise DeploymentError(
            "This stack has no key shares: an auto-unseal seal needs none, and those of an adopted Vault "
            "aren't here."
        )
    unseal_pods(
        PodAccess.from_properties(outputs["pod_access"]),
        replicas=int(outputs["replicas"]),
        key_shares=record.key_shares,
        threshold=record.threshold,
        seconds=120,
    )


if __name__ == "__main__":
    sys.exit(main())
