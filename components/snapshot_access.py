"""Gives the job that takes snapshots its access to Vault, before the root token may be revoked."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from components.awaits_release import awaits_release
from components.errors import DeploymentError, RetryableError
from components.progress import Waiting, say
from components.stable_provider import StableProvider, StableResource
from components.vault.pod_access import PodAccess, pods_identity

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.operator_init import OperatorInit
    from components.settings import Settings
    from components.settings.snapshots import SnapshotSettings
    from components.vault.client import VaultClient
    from components.vault.snapshot_access import JobAccess
    from components.vault_release import VaultRelease

INPUTS = ("access", "auth_path", "name", "service_account", "namespace")
TOKENS = ("token", "root_token", "root_token_gone", "custody", "deployment")
"""Inputs that aren't compared, but for a new token: by which one Vault is asked changes nothing in it."""
_SECONDS = 60

NO_RIGHTS = (
    "there is no token to give the snapshots' job its access to Vault with: this stack's root token is "
    "revoked or encrypted to its holder. Set token (docs/snapshots.md#the-token-of-the-setup says which "
    "rights it needs; python -m components generate-root makes a root token), run pulumi up, and "
    "remove it again"
)


@awaits_release(pods_identity, enabled=False, intact=False)
class SnapshotAccessProvider(StableProvider):
    """Sets the access up at creation and whenever it has changed; takes it away at the end."""

    inputs = INPUTS

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse, in a preview already, what needs a token if there is none."""
        changes = not _olds or any(_olds.get(name) != news.get(name) for name in INPUTS)
        fails = changes and news.get("root_token_gone") and news.get("token") == ""
        return CheckResult(news, [CheckFailure("token", NO_RIGHTS)] if fails else [])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return a change also if Vault lacks a part of the access, or there is another token.

        The end of the resource gets what the state has, so a new token has to be in it before.
        """
        difference = super().diff(_id, _olds, _news)
        token = _news.get("token")
        another = isinstance(token, str) and token not in ("", _olds.get("token"))
        difference.changes = difference.changes or another or not _olds.get("intact")
        return difference

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Set the access up; raise :class:`DeploymentError` if it isn't possible, or others have it."""
        return CreateResult(pods_identity(props), self._set_up(props, ours=False))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Set it up again, and take the one of another name or path away."""
        same = _access(_olds) == _access(_news)
        found = self._set_up(_news, ours=same)
        if not same:
            old = {**_news, **self.input_values(_olds)}
            self._take_away(old, enabled=bool(_olds.get("enabled")), kept=_access(_news))
        # Whoever has enabled the auth method has done so before.
        return UpdateResult({**found, "enabled": found["enabled"] or (same and bool(_olds.get("enabled")))})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return whether Vault has all of the access now, or what is known if it can't be asked."""
        try:
            with PodAccess.from_properties(props["access"]).reach(0) as server:
                client = _with_valid_token(server, _tokens(props))
                if client is None:
                    return ReadResult(id_, props)
                lacking = _access(props).lacking(client)
        except DeploymentError as error:
            say(f"The access of the snapshots' job can't be looked at, it is taken as it was: {error}")
            return ReadResult(id_, props)
        if lacking:
            say(f"Vault has no {lacking} as the snapshots' job needs it; pulumi up makes it again")
        return ReadResult(id_, {**props, "intact": not lacking})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Take the access away if there is a token; say what stays in Vault if there is none."""
        self._take_away(_props, enabled=bool(_props.get("enabled")))

    def _set_up(self, props: dict[str, Any], *, ours: bool) -> dict[str, Any]:
        # Imported where Vault is asked: most runs of this provider compare its inputs, and no more.
        from components.vault.client import VaultRefusedError
        from components.vault.diagnostics import with_pod_problems
        from components.vault.snapshot_access import why_refused

        access = PodAccess.from_properties(props["access"])
        tokens = _tokens(props)

        def attempt() -> bool:
            with access.reach(0) as server:
                client = _with_valid_token(server, tokens)
                if client is None:
                    raise DeploymentError(f"{NO_RIGHTS[0].upper()}{NO_RIGHTS[1:]}.")
                return _access(props).set_up(client, ours=ours)

        try:
            enabled = Waiting("Giving the snapshots' job its access", _SECONDS).until(
                attempt,
                RetryableError,
                state=lambda error: with_pod_problems(access, str(error), "; "),
                timeout_message=lambda error: (
                    "The snapshots' job couldn't be given its access to Vault: "
                    f"{with_pod_problems(access, str(error))}\nRun pulumi up again. This run hasn't revoked "
                    "the root token."
                ),
            )
        except VaultRefusedError as error:
            raise DeploymentError(why_refused(error)) from None
        kept = {name: props[name] for name in TOKENS if name in props}
        return {**self.input_values(props), **kept, "enabled": enabled, "intact": True}

    def _take_away(self, props: Mapping[str, Any], *, enabled: bool, kept: "JobAccess | None" = None) -> None:
        access = _access(props)
        try:
            with PodAccess.from_properties(props["access"]).reach(0) as server:
                client = _with_valid_token(server, _tokens(props))
                if client is not None:
                    access.take_away(client, enabled=enabled, kept=kept)
                    return
                problem = "there is no valid token"
        except DeploymentError as error:
            problem = str(error)
        remove = f"vault delete auth/{access.path}/role/{access.name}"
        if kept is not None and kept.name == access.name:
            # Its policy is that of the new one.
            say(f"Role {access.name} of auth/{access.path} stays in Vault: {problem}. To remove it: {remove}")
            return
        say(
            f"Role and policy {access.name} stay in Vault: {problem}. Without the job's service account "
            f"nobody gets a token by them; to remove them: {remove} and vault policy delete {access.name}"
        )


def _access(props: Mapping[str, Any]) -> "JobAccess":
    from components.vault.snapshot_access import JobAccess

    return JobAccess(
        path=str(props["auth_path"]),
        name=str(props["name"]),
        service_account=str(props["service_account"]),
        namespace=str(props["namespace"]),
    )


def _with_valid_token(server: "VaultClient", tokens: Sequence[str]) -> "VaultClient | None":
    """Return a client with the first of the tokens that is valid; None if none is."""
    for token in tokens:
        client = server.with_token(token)
        if client.token_valid():
            return client
    return None


def _tokens(props: Mapping[str, Any]) -> Sequence[str]:
    """Return the token of the settings, then the root token; raise :class:`KeyStoreError`."""
    from components.custody.key_custody import KeyCustody

    access = PodAccess.from_properties(props["access"])
    custody = KeyCustody.from_properties(props["custody"], access.target, str(props["deployment"]))
    root_token = custody.root_token(in_state=str(props["root_token"]))
    return [token for token in (str(props["token"]), root_token) if token]


class SnapshotAccess(StableResource, module="vault", name="SnapshotAccess"):
    """A role of Vault's that may read snapshots."""

    role: Mapping[str, str]
    """What makes the role, to tell whether it is another one."""

    def __init__(
        self,
        name: str,
        *,
        settings: "Settings",
        snapshots: "SnapshotSettings",
        release: "VaultRelease",
        init: "OperatorInit",
        root_token_gone: bool,
        opts: pulumi.ResourceOptions,
    ) -> None:
        from components.snapshots.job import job_name
        from components.vault.snapshot_access import access_name

        self.role = {
            "auth_path": snapshots.auth_path,
            "name": access_name(release.fullname),
            "service_account": job_name(release.fullname),
            "namespace": settings.namespace,
        }
        super().__init__(
            SnapshotAccessProvider(),
            name,
            {
                "access": release.access.to_properties(),
                **self.role,
                "deployment": init.deployment,
                "custody": settings.custody.to_properties(),
                "token": settings.token if settings.token is not None else "",
                # Encrypted to its holder it is no token here.
                "root_token": "" if settings.init.root_token_pgp_key else init.root_token,
                "root_token_gone": root_token_gone or bool(settings.init.root_token_pgp_key),
                **release.awaiting,
                "enabled": None,
                "intact": None,
            },
            opts,
            secret_outputs=["token", "root_token"],
        )
