"""Restores a snapshot into the Vault of a stack, step by step.

Vault's behaviour (tried on real servers, docs/snapshots.md#what-vault-does): a forced restore brings the
keys, tokens and cluster id of the Vault that the snapshot was taken of; what they were before is void. So the
keys of that time are found before anything is changed, and go back to their store afterwards.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from components.errors import DeploymentError, RetryableError
from components.kubernetes.kubectl import KubectlError
from components.kubernetes.lease import RunLease
from components.progress import Waiting, say
from components.seals.seal import seal_class
from components.settings.vault_version import vault_version
from components.shares.generate_root import WrongSharesError, generate_root_token, permitted_client
from components.shares.unseal import StillSealedError, give_shares
from components.snapshots.blank_vault import is_blank
from components.snapshots.preparation import Prepared, RestoreInputs
from components.snapshots.record import SnapshotRecord
from components.snapshots.take import take_snapshot
from components.snapshots.throw_away import ThrowAwayInit
from components.snapshots.vault import DOCUMENT, POLICY, active_server, with_valid_token
from components.vault.client import (
    VaultClient,
    VaultForbiddenError,
    VaultRefusedError,
    VaultUnavailableError,
    VaultUnreachableError,
)
from components.vault.diagnostics import with_pod_problems
from components.vault.servers import Leadership, observe_leadership, require_one_cluster, require_one_leader
from components.vault.snapshot_transfer import write_snapshot
from components.vault.stateful_set import delete_pod, find_pods

_ANOTHER_RUN_SECONDS = 60
_ATTEMPTS = 3
_CANARY_TTL = "1h"
_GIVEN_UP = (
    "Vault took the snapshot several times and didn't restore it: its leader lost the leadership meanwhile, "
    "each time. It has what it had. See what the pods lack (docs/snapshots.md#what-vault-does), and run the "
    "same command again."
)


class _GivenUpError(DeploymentError):
    """Vault has answered that it takes the snapshot, and goes on with what it had."""


def restore(inputs: RestoreInputs, known: Prepared) -> None:
    """Restore a snapshot that was found to be whole, and this stack's to read.

    Raises :class:`DeploymentError` with what to do; it can be run again from any point.
    """
    lease = RunLease(inputs.vault.access.target, inputs.vault.access.statefulset)
    with lease.held(_ANOTHER_RUN_SECONDS):
        _Restore(inputs, known, lease).run()


@dataclass
class _Restore:
    inputs: RestoreInputs
    known: Prepared
    lease: RunLease
    _restarted: set[int] = field(default_factory=set)
    _sealed_since: dict[int, float] = field(default_factory=dict)
    """When each pod was first seen sealed, by its ordinal."""
    _silent_since: dict[int, float] = field(default_factory=dict)
    """When each pod first answered nothing, by its ordinal."""

    def run(self) -> None:
        vault = self.inputs.vault
        throw_away = ThrowAwayInit(vault, self.inputs.journal_key, self.lease)
        snapshot, record = self.known.archive.sha256, self.inputs.record
        self._require_same_keys()
        if is_blank(vault.access, vault.replicas, self.inputs.start_seconds):
            with vault.access.reach(0) as client:
                self._require_version(client.seal_status().version)
            token = throw_away.begin(self.known.keys, snapshot)
            self._write_until_restored(token, canary=token, forced=True)
        else:
            begun = throw_away.resumed(snapshot, record.cluster_id if record is not None else "")
            if begun is None:
                self._into_live_vault()
            elif begun.root_token:
                self._write_until_restored(begun.root_token, canary=begun.root_token, forced=True)
            else:
                say("An interrupted run has restored this snapshot already; it is verified now")
                self._await_serving("")
        self._prove_keys()
        self._put_keys_back()
        throw_away.forget()
        self._say_done()

    def _require_same_keys(self) -> None:
        """Raise :class:`DeploymentError` if another run has changed the shares before this one had the lease.

        Which keys go back was decided by the earlier ones. The state tells only its next reader.
        """
        vault = self.inputs.vault
        if vault.custody.store is None:
            return
        present, known = vault.custody.find(), vault.keys
        if (present and present.fingerprint) != (known and known.fingerprint):
            raise DeploymentError(
                f"The shares in {vault.custody.location} have been changed since this run read them. Nothing "
                "was changed by it. Run it again."
            )

    def _require_version(self, running: str) -> None:
        """Raise :class:`DeploymentError` if the servers are older than the one that the snapshot is of."""
        record = self.inputs.record
        taken = vault_version(record.vault_version) if record is not None else None
        present = vault_version(running)
        if record is not None and taken is not None and present is not None and present < taken:
            raise DeploymentError(
                f"The snapshot was taken of Vault {record.vault_version}, and the servers run {running}: "
                "what an upgrade has changed in the storage an older Vault can't read. Nothing was changed. "
                "Set image.tag, run pulumi up, and run it again."
            )

    def _into_live_vault(self) -> None:
        vault, record = self.inputs.vault, self.inputs.record
        with active_server(vault) as client:
            status = client.seal_status()
            self._require_version(status.version)
            try:
                token = with_valid_token(client, vault.tokens, "restore the snapshot")
            except VaultForbiddenError as error:
                raise DeploymentError(
                    f"{error}\nIf this is a blank Vault that an interrupted restore has initialised, nothing "
                    f"is in it: {DOCUMENT}#a-restore-was-interrupted."
                ) from None
        forced = record is not None and not self._same_vault(status.cluster_id, record)
        self._take_safety_copy()
        self._write_until_restored(token.token, canary=self._canary(token.token), forced=forced)

    def _canary(self, token: str) -> str:
        """Return a new token that has no right, and that the restored Vault doesn't know."""
        with active_server(self.inputs.vault) as client:
            try:
                made = client.with_token(token).request(
                    "POST", "auth/token/create", {"policies": ["default"], "ttl": _CANARY_TTL}
                )
            except VaultForbiddenError as error:
                raise DeploymentError(
                    "The token may not create the one by which this run sees that Vault has restored: "
                    f"{error}\nNothing was changed. Its policy needs update on auth/token/create ({POLICY})."
                ) from None
        return str(made["auth"]["client_token"])

    def _write_until_restored(self, token: str, *, canary: str, forced: bool) -> None:
        """Hand the snapshot to Vault, again if it gave up on it.

        Vault answers before it restores. A leader that loses its leadership meanwhile seals itself for good,
        and the others go on with what they have.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            self._write(token, forced=forced)
            try:
                self._await_serving(canary)
                return
            except _GivenUpError:
                if attempt == _ATTEMPTS:
                    raise
                say("Vault gave up on the restore, as its leader has changed meanwhile; trying again")

    def _same_vault(self, cluster_id: str, record: SnapshotRecord) -> bool:
        """Return whether Vault can open the snapshot's sealed checksums, and so can verify them itself.

        Shamir's seal opens them with the shares' own key, which a rekey replaces.
        """
        keys = self.inputs.vault.keys
        same_shares = keys is not None and keys.fingerprint == record.keys_fingerprint
        unseals_itself = seal_class(self.inputs.vault.seal_type).unseals_itself
        return cluster_id == record.cluster_id and (unseals_itself or same_shares)

    def _take_safety_copy(self) -> None:
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        path = self.inputs.snapshot.with_name(f"before-restore-{now}.snap")
        say(f"First a snapshot of what is there now: {path}")
        take_snapshot(self.inputs.vault, path)

    def _write(self, token: str, *, forced: bool) -> None:
        kind = "force" if forced else "verified by Vault"
        say(f"Restoring {self.inputs.snapshot} ({kind})")
        with active_server(self.inputs.vault) as client, self.inputs.snapshot.open("rb") as file:
            self.lease.check()
            try:
                write_snapshot(client.with_token(token), file, forced=forced)
            except VaultForbiddenError as error:
                raise DeploymentError(
                    f"The token may not restore a snapshot: {error}\nNothing was changed. Its policy needs "
                    f"update on sys/storage/raft/snapshot{'-force' if forced else ''} ({POLICY})."
                ) from None
            except VaultRefusedError as error:
                raise DeploymentError(f"Vault refuses the snapshot: {error}\nIt is as it was.") from None
            except VaultUnavailableError as error:
                raise DeploymentError(
                    f"Whether Vault has restored the snapshot isn't known: {error}\nRun the same "
                    "command again."
                ) from None

    def _await_serving(self, canary: str) -> None:
        """Wait until every pod serves the restored data; unseal or restart those that are sealed.

        Raises :class:`_GivenUpError` if ``canary`` stays valid, a token from before the restore.
        """
        access, replicas = self.inputs.vault.access, self.inputs.vault.replicas
        waiting = Waiting("Waiting for every pod to serve what was restored", self.inputs.serving_seconds)
        given_up = Waiting("Waiting for Vault to restore", self.inputs.restore_seconds)

        def attempt() -> Leadership:
            self._unseal(waiting)
            if canary:
                with active_server(self.inputs.vault) as client:
                    valid = client.with_token(canary).token_valid()
                if valid and given_up.over:
                    raise _GivenUpError(_GIVEN_UP)
                if valid:
                    raise RetryableError("Vault hasn't restored the snapshot yet")
            found = observe_leadership(access, replicas)
            require_one_cluster(found.statuses)
            require_one_leader(found.leaders)
            cluster_id = next(iter(found.statuses.values())).cluster_id
            if self.inputs.record is not None and cluster_id != self.inputs.record.cluster_id:
                raise RetryableError(f"cluster {cluster_id} answers still")
            return found

        waiting.until(
            attempt,
            RetryableError,
            state=lambda error: with_pod_problems(access, str(error), "; "),
            timeout_message=lambda error: with_pod_problems(
                access,
                f"The snapshot was restored, and not every pod serves it yet: {error}\nWhat their logs say "
                f"comes first ({DOCUMENT}#what-vault-does); then run the same command again.",
            ),
            pause_seconds=0.5,
        )

    def _unseal(self, waiting: Waiting) -> None:
        """Give the shares to every pod that Shamir's seal keeps sealed, and restart one that stays sealed.

        A pod remembers how many shares the Vault before needed; if that was another number it refuses them,
        and reads the restored one when it starts. With another seal a pod that has sealed itself unseals
        itself only when it starts.
        """
        if seal_class(self.inputs.vault.seal_type).unseals_itself:
            self._restart_stuck()
            return
        access, keys = self.inputs.vault.access, self.known.keys
        for ordinal in range(self.inputs.vault.replicas):
            with access.reach(ordinal) as client:
                if not client.seal_status().sealed:
                    continue
                if keys is None or keys.shares_encrypted:
                    raise DeploymentError(
                        f"The snapshot was restored, and {access.pod(ordinal)} is sealed; the shares are "
                        "with their holders. Unseal every pod (vault operator unseal), and run pulumi up, "
                        "which verifies the voters."
                    )
                try:
                    give_shares(client, keys.key_shares[: keys.threshold], waiting)
                except (VaultRefusedError, StillSealedError) as error:
                    self._restart_once(ordinal, "is sealed and stays so")
                    raise RetryableError(f"{access.pod(ordinal)} doesn't take the shares: {error}") from None

    def _restart_stuck(self) -> None:
        access, inputs = self.inputs.vault.access, self.inputs
        for ordinal in range(inputs.vault.replicas):
            pod = access.pod(ordinal)
            try:
                with access.reach(ordinal) as client:
                    sealed = client.seal_status().sealed
                    if not sealed:
                        # A standby may answer for itself, and never again reach the leader.
                        client.proven_leader()
            except VaultUnreachableError as error:
                if self._lasts(self._silent_since, ordinal, inputs.silent_seconds):
                    self._restart_once(ordinal, "answers nothing")
                raise RetryableError(f"{pod}: {error}") from None
            self._silent_since.pop(ordinal, None)
            if not sealed:
                self._sealed_since.pop(ordinal, None)
                continue
            if self._lasts(self._sealed_since, ordinal, inputs.sealed_seconds):
                self._restart_once(ordinal, "is sealed and stays so")
            raise RetryableError(f"{pod} is sealed")

    @staticmethod
    def _lasts(since: dict[int, float], ordinal: int, seconds: float) -> bool:
        now = time.monotonic()
        return now - since.setdefault(ordinal, now) > seconds

    def _restart_once(self, ordinal: int, why: str) -> None:
        access = self.inputs.vault.access
        if ordinal in self._restarted:
            return
        for server in find_pods(access):
            if server.ordinal == ordinal and server.pod_uid:
                say(f"Restarting {server.name}, which {why} since the restore")
                try:
                    delete_pod(access, server)
                except KubectlError as error:
                    raise RetryableError(f"{server.name} can't be restarted: {error}") from None
                self._restarted.add(ordinal)

    def _prove_keys(self) -> None:
        """Prove the shares, and with the root token that they make count the voters; revoke it."""
        keys = self.known.keys
        if keys is None or keys.shares_encrypted or not keys.shares:
            say(
                "The shares couldn't be proved, as they aren't here in plain: have their holders make a root "
                "token (python -m components generate-root) and revoke it."
            )
            self._verify_voters("")
            return

        def attempt() -> None:
            with active_server(self.inputs.vault) as client:
                permitted = permitted_client(client, (*self.inputs.vault.tokens, keys.plain_root_token))
                token = generate_root_token(permitted, keys.shares, keys.threshold, self.lease)
                try:
                    self._verify_voters(token)
                finally:
                    client.with_token(token).revoke_own_token()

        try:
            self._waiting().until(attempt, VaultUnavailableError, pause_seconds=0.5)
        except WrongSharesError as error:
            raise DeploymentError(
                f"The snapshot was restored, and the shares that should fit it don't: {error}\nVault serves. "
                f"{self.inputs.vault.custody.location} was left as it was. Find the shares of that time "
                f"({DOCUMENT}#the-keys-of-the-snapshot), or restore the snapshot from before."
            ) from None
        say("The shares of that time unlock it")

    def _verify_voters(self, token: str) -> None:
        vault = self.inputs.vault

        def attempt() -> None:
            with active_server(vault) as client:
                state = self._reader(client, token).raft_state()
            voters = sum(peer.voter and peer.healthy for peer in state.peers)
            if not state.healthy or voters != vault.replicas or len(state.peers) != vault.replicas:
                raise RetryableError(f"raft has {voters} healthy voters instead of {vault.replicas}")

        try:
            self._waiting().until(
                attempt,
                RetryableError,
                timeout_message=lambda error: with_pod_problems(
                    vault.access,
                    f"The snapshot was restored, and {error}\nRun pulumi up, which verifies it again.",
                ),
                pause_seconds=0.5,
            )
            say(f"{vault.replicas} healthy voters")
        except VaultForbiddenError:
            say("No token of the restored data is known that may count the voters: pulumi up verifies them")

    def _reader(self, client: VaultClient, token: str) -> VaultClient:
        keys = self.known.keys
        known = (token,) if token else (*self.inputs.vault.tokens, keys.plain_root_token if keys else "")
        return with_valid_token(client, known, "count the voters")

    def _put_keys_back(self) -> None:
        keys, current = self.known.keys, self.inputs.vault.keys
        if keys is None or (current is not None and keys.fingerprint == current.fingerprint):
            return
        reference = self.inputs.vault.custody.put(
            keys, self.lease, replaces=current.fingerprint if current is not None else ""
        )
        say(f"The keys of that time are in {reference.location} again, version {reference.version or '-'}")

    def _say_done(self) -> None:
        since = self.inputs.record.taken if self.inputs.record is not None else "the snapshot"
        say(
            f"Restored. What was revoked after {since} is valid again, a root token too ({DOCUMENT}"
            "#after-a-restore). Run pulumi up."
        )

    def _waiting(self) -> Waiting:
        return Waiting("Waiting for what was restored", self.inputs.serving_seconds)
