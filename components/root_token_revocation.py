"""Revokes the root token once the voters are verified, if the settings say so."""

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult

from components.awaits_release import awaits_release
from components.custody.key_custody import KeyCustody
from components.errors import RetryableError
from components.kubernetes.lease import RunLease
from components.progress import Waiting, say
from components.stable_provider import StableProvider, StableResource
from components.vault.diagnostics import with_pod_problems
from components.vault.pod_access import PodAccess, pods_identity

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.operator_init import OperatorInit
    from components.settings import Settings
    from components.vault_release import VaultRelease

INPUTS = ("access", "deployment", "custody", "root_token")
_SECONDS = 60


@awaits_release(pods_identity)
class RootTokenRevocationProvider(StableProvider):
    """Revokes at creation and never again: a root token that is generated later belongs to its creator."""

    inputs = INPUTS

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Revoke the root token of the init, and remove it from the store."""
        access = PodAccess.from_properties(props["access"])
        custody = KeyCustody.from_properties(props["custody"], access.target, str(props["deployment"]))
        token = custody.root_token(in_state=str(props["root_token"]))
        if token:
            _revoke(access, token)
        if custody.find() is not None:
            _remove_root_token(custody, access)
        return CreateResult(str(props["deployment"]), self.input_values(props))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Report that a revoked token doesn't come back."""
        say(
            "The root token stays revoked; python -m components generate-root makes a new one from the shares"
        )


def _remove_root_token(custody: KeyCustody, access: PodAccess) -> None:
    lease = RunLease(access.target, access.statefulset)
    with lease.held(_SECONDS):
        record = custody.find()
        if record is not None:
            custody.put(record.without_root_token(), lease)


def _revoke(access: PodAccess, token: str) -> None:
    def attempt() -> None:
        with access.reach(0) as server:
            client = server.with_token(token)
            # An earlier run may have revoked it and been stopped after that.
            if client.token_valid():
                client.revoke_own_token()
                say("The root token is revoked")

    Waiting("Revoking the root token", _SECONDS).until(
        attempt,
        RetryableError,
        state=lambda error: with_pod_problems(access, str(error), "; "),
        timeout_message=lambda error: (
            f"The root token couldn't be revoked: {with_pod_problems(access, str(error))}\n"
            "Run pulumi up again."
        ),
    )


class RootTokenRevocation(StableResource, module="vault", name="RootTokenRevocation"):
    """A Vault whose initial root token is revoked."""

    def __init__(
        self,
        name: str,
        *,
        settings: "Settings",
        release: "VaultRelease",
        init: "OperatorInit",
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(
            RootTokenRevocationProvider(),
            name,
            {
                "access": release.access.to_properties(),
                "deployment": init.deployment,
                "custody": settings.custody.to_properties(),
                "root_token": init.root_token,
                **release.awaiting,
            },
            opts,
            secret_outputs=["root_token"],
        )


def revoke_root_token(
    settings: "Settings", release: "VaultRelease", init: "OperatorInit", after: pulumi.Resource
) -> pulumi.Resource | None:
    """Revoke the root token, if the settings say so; None if it stays.

    ``after`` is what needs it last: what verifies the voters, enables the audit devices, or gives the
    snapshots' job its access.
    """
    init_settings = settings.init
    if not init_settings.revoke_root_token:
        return None
    if (
        settings.image.vault_version is None
        and settings.token is None
        and not init_settings.unauthenticated_generate_root
    ):
        pulumi.log.warn(
            f"image.tag {settings.image.tag} doesn't tell Vault's version. If it is 2.0 or later, nobody "
            "can make a new root token without a valid token: set token, or "
            "init.unauthenticatedGenerateRoot."
        )
    return RootTokenRevocation(
        "root-token-revocation",
        settings=settings,
        release=release,
        init=init,
        opts=pulumi.ResourceOptions(depends_on=[after]),
    )
