"""Runs the one-time operator init, as a resource that is never replaced or repeated and keeps its result."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    UpdateResult,
)

from components.awaits_release import awaits_release
from components.custody.key_store import moved_settings
from components.errors import DeploymentError
from components.init.changed_inputs import (
    change_interrupted,
    changed_share_inputs,
    completes_migration,
    same_holders,
    unusable_keys,
)
from components.init.inputs import ANOTHER_KEY, INPUTS, InitInputs, proof_by_seal
from components.init.keys_in_state import refuse_second_init, require_checkpoints
from components.init.outputs import (
    OUTPUTS,
    SECRET_OUTPUTS,
    key_outputs,
    missing_outputs,
    outputs_after_migration,
)
from components.progress import say
from components.seals.seal import ProvisionedSeal
from components.stable_provider import StableProvider, StableResource
from components.vault.pod_access import pods_identity
from components.vault.release_ownership import ownership, ownership_problem

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from pulumi.dynamic.config import Config

    from components.journal_key import JournalKey
    from components.kubernetes_connection import KubernetesConnection
    from components.settings import Settings
    from components.vault_release import VaultRelease


@awaits_release(
    pods_identity,
    **{
        **dict.fromkeys(OUTPUTS, ""),
        "cluster_initialized_here": False,
        "recovery_shares": [],
        "key_shares": [],
    },
)
class OperatorInitProvider(StableProvider):
    """Runs `operator init` on pod 0 in ``create`` and nowhere else."""

    inputs = INPUTS
    _config: "Config | None" = None

    def configure(self, req: ConfigureRequest) -> None:
        """Keep the configuration, of which the secrets are read: as properties they would be in the state."""
        super().configure(req)
        self._config = req.config

    def _secret(self, props: Mapping[str, Any], name: str) -> str:
        """Return a secret setting; empty if there is none.

        In the program of somebody else the project's namespace has other things under such a name.
        """
        namespace = props.get("configuration_namespace")
        key = f"{namespace}:{name}" if namespace else name
        return str(self._config.get(key) or "").strip() if self._config is not None else ""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse changes of the shares that only their holders can make, and of the place of the keys.

        And another installation of a release that others have installed.
        """
        failures = []
        if installed := ownership_problem(_olds, news):
            failures.append(CheckFailure("release", installed))
        if _olds.get("shares") is not None:
            if self._secret(news, "adoptedKeys"):
                say(_STILL_CONFIGURED)
            changed = changed_share_inputs(_olds, news)
            if changed and _olds.get("pgp_keys"):
                failures += [CheckFailure(name, _HOLDERS_REKEY) for name in changed]
            elif changed and news.get("migrate_from"):
                failures += [CheckFailure(name, _SHARES_STAY_DURING_MIGRATION) for name in changed]
            moved = moved_settings(_olds.get("custody") or {}, news.get("custody") or {})
            failures += [CheckFailure(f"custody.{name}", _CUSTODY_STAYS) for name in moved]
            if not same_holders([_olds.get("root_token_pgp_key")], [news.get("root_token_pgp_key")]):
                failures.append(CheckFailure("root_token_pgp_key", _ROOT_KEY_STAYS))
            encrypted_to = changed
        else:
            encrypted_to = [] if news.get("adopt") else ["pgp_keys", "root_token_pgp_key"]
        for name, problem in unusable_keys(news).items():
            # Shares that an interrupted change made for their holders are only stored, which an update sees.
            if name in encrypted_to and not change_interrupted(_olds, news):
                failures.append(CheckFailure(name, f"{problem}; {ANOTHER_KEY}"))
            else:
                say(f"Warning: {problem}. Nothing is encrypted to it now, and it still decrypts.")
        return CheckResult(news, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Compare the inputs, and return a change if a change of shares was interrupted.

        How the state of an earlier version names the seal's proof is no change, nor is the journal's key,
        which it has only with some seals.
        """
        preflight = proof_by_seal(_olds.get("preflight"), _news.get("preflight"))
        known = {**_olds, "preflight": preflight, "journal_key": _news.get("journal_key")}
        # A key that its holder renewed is no change either.
        if same_holders(_olds.get("pgp_keys") or [], _news.get("pgp_keys") or []):
            known["pgp_keys"] = _news.get("pgp_keys")
        if same_holders([_olds.get("root_token_pgp_key")], [_news.get("root_token_pgp_key")]):
            known["root_token_pgp_key"] = _news.get("root_token_pgp_key")
        difference = super().diff(_id, known, _news)
        if change_interrupted(_olds, _news):
            say("An interrupted change of shares will be settled by pulumi up")
            difference.changes = True
        return difference

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Initialise Vault, or adopt one whose keys are found or given."""
        if props["migrate_from"]:
            raise DeploymentError(
                "This stack has no Vault yet whose seal could be migrated: remove migrateFrom, and run "
                "pulumi up."
            )
        # Imported where it runs: no preview does, and it takes a part of a second.
        from components.init.procedure import initialized

        inputs = InitInputs.from_properties(
            props, self._secret(props, "adoptedKeys"), self._secret(props, "token")
        )
        result = initialized(inputs)
        outputs = {
            **self.input_values(props),
            **result.made_with,
            "cluster_initialized_here": result.initialized_here,
            "vault_version": result.vault_version,
            "deployment": inputs.deployment,
            **key_outputs(result.record, result.reference, in_state=inputs.custody.store is None),
        }
        return CreateResult(pods_identity(props), outputs)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return the state unchanged: Vault never returns its keys again, so a refresh must not ask."""
        return ReadResult(id_, props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Record changed inputs and keep every output, but rekey if the shares were changed."""
        properties = self.input_values(_news)
        inputs = InitInputs.from_properties(_news, adopted_keys="", token=self._secret(_news, "token"))
        kept = {**missing_outputs(inputs, _olds), **{name: _olds[name] for name in OUTPUTS if name in _olds}}
        if completes_migration(_olds, _news):
            kept.update(outputs_after_migration(inputs, {**_olds, **kept}))
        rekey = bool(changed_share_inputs(_olds, _news))
        if rekey or change_interrupted(_olds, _news, sure=True):
            from components.init.rekey_on_update import changed_shares

            change = changed_shares(inputs, {**_olds, **kept}, rekey=rekey)
            if change is not None:
                properties.update(change.inputs)
                kept.update(
                    key_outputs(change.record, change.reference, in_state=inputs.custody.store is None)
                )
        return UpdateResult({**properties, **kept})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Leave Vault as it is: an init can't be undone."""
        location = _props.get("keys_location")
        keys = (
            f"its root token and shares stay in {location}"
            if location and _props.get("custody")
            else "with this resource its root token and shares leave the stack's state"
        )
        say(
            f"Vault {_id} stays initialised for as long as its volumes are there, and these go with the "
            f"namespace if the stack deletes that; {keys}"
        )


_STILL_CONFIGURED = (
    "Warning: adoptedKeys is still set, though the keys were taken over. It is in the stack's settings file, "
    "encrypted with the stack's key; remove it: pulumi config rm adoptedKeys"
)
_HOLDERS_REKEY = (
    "each share is encrypted to its holder, so only the holders can make new ones: "
    "vault operator rekey -target=recovery, with their shares; set it back here"
)
_SHARES_STAY_DURING_MIGRATION = "the seal is being migrated; change the shares when that is done"
_CUSTODY_STAYS = "the keys stay where they were stored, as this program doesn't move them; set it back"
_ROOT_KEY_STAYS = "the root token was made at the init, and isn't encrypted anew; set it back"


def _namespace(settings: "Settings") -> Mapping[str, str]:
    namespace = settings.configuration_namespace
    return {"configuration_namespace": namespace} if namespace else {}


class OperatorInit(StableResource, module="vault", name="OperatorInit"):
    """An initialised Vault, its root token and shares or their place."""

    threshold: pulumi.Output[int]
    """Number of shares that are needed; not that of the settings until an interrupted rekey is repeated."""
    cluster_initialized_here: pulumi.Output[bool]
    """False if the cluster was adopted."""
    vault_version: pulumi.Output[str]
    """Vault's version in pod 0 at the init."""
    deployment: pulumi.Output[str]
    """Identifies this Vault: ``<uid of the Kubernetes cluster>/<namespace>/<StatefulSet>``."""
    keys_location: pulumi.Output[str]
    """Place of root token and shares; empty if the cluster was adopted without them."""
    keys_version: pulumi.Output[str]
    """Their version in the store; empty if it has none."""
    keys_fingerprint: pulumi.Output[str]
    """SHA-256 of the shares; empty if the cluster was adopted without them."""
    root_token: pulumi.Output[str]
    """Secret; empty if a store keeps it or the cluster was adopted without it."""
    recovery_shares: pulumi.Output[list[str]]
    """Secret, base64; empty with Shamir, if a store keeps them, and if there are none."""
    key_shares: pulumi.Output[list[str]]
    """Secret, base64; empty with auto-unseal, if a store keeps them, and if there are none."""

    def __init__(
        self,
        name: str,
        *,
        settings: "Settings",
        connection: "KubernetesConnection",
        seal: ProvisionedSeal,
        journal_key: "JournalKey",
        release: "VaultRelease",
        opts: pulumi.ResourceOptions,
    ) -> None:
        init = settings.init
        preflight = seal.preflight if init.preflight else {}
        if seal.preflight and not init.preflight:
            pulumi.log.warn(
                "init.preflight is off: whether Vault's role may use the seal's key shows at the init only, "
                "and an init that can't use it leaves a Vault without keys."
            )
        require_checkpoints(keys_in_state=settings.custody.store is None)
        properties: dict[str, Any] = {
            "access": release.access.to_properties(),
            "cluster_uid": connection.cluster_uid,
            "seal_type": settings.seal.type,
            "migrate_from": settings.migrate_from.type if settings.migrate_from is not None else "",
            "seal_key": seal.key,
            "shares": init.shares,
            "threshold": init.threshold,
            "pgp_keys": list(init.pgp_keys),
            "root_token_pgp_key": init.root_token_pgp_key or "",
            "adopt": init.adopt,
            "adopted_keys_file": init.adopted_keys_file or "",
            "custody": settings.custody.to_properties(),
            "preflight": preflight,
            "journal_key": journal_key.key,
            "preflight_seconds": settings.deadlines.preflight_seconds,
            "pod_start_seconds": settings.deadlines.pod_start_seconds,
            **ownership(settings.release),
            **_namespace(settings),
            **release.awaiting,
            **dict.fromkeys(OUTPUTS),
        }
        super().__init__(
            OperatorInitProvider(),
            name,
            properties,
            pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions(protect=settings.protect, hooks=refuse_second_init()), opts
            ),
            secret_outputs=[*SECRET_OUTPUTS, "journal_key"],
        )
