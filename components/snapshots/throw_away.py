"""Initialises a blank cluster for the one purpose of restoring a snapshot into it.

Vault takes a snapshot only when it is initialised and unsealed. The keys of that init are worthless as soon
as the snapshot's data, and with them the snapshot's keys, have replaced them. Until then they are kept in a
Secret beside Vault, encrypted with the stack's key, so that a restore that was killed can go on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.custody.key_record import KeyRecord
from components.errors import DeploymentError, RetryableError
from components.journal.encryption import JournalError, StackKeyCipher
from components.kubernetes.kubectl import KubectlError
from components.kubernetes.lease import RunLease
from components.kubernetes.owned_object import ForeignObjectError, OwnedSecret, SeenObject
from components.progress import Waiting, say
from components.shares.unseal import unseal_pods
from components.snapshots.vault import SnapshotVault
from components.vault.client import VaultForbiddenError, VaultRefusedError, VaultUnavailableError
from components.vault.diagnostics import with_pod_problems
from components.vault.servers import observe_leadership, require_one_cluster, require_one_leader

ENTRY = "throw-away.json"
_JOIN_SECONDS = 300.0


@dataclass(frozen=True)
class Resumed:
    """An interrupted restore into a blank cluster."""

    root_token: str = field(repr=False)
    """Of the init that the restore makes void; empty if the snapshot was restored already."""


@dataclass(frozen=True)
class _Keys:
    root_token: str = field(repr=False)
    key_shares: Sequence[str] = field(repr=False)
    """As many as are needed; none with a seal that unseals by itself."""


@dataclass
class ThrowAwayInit:
    """The init of a blank cluster, and what an interrupted one has left."""

    vault: SnapshotVault
    journal_key: str = field(repr=False)
    """Base64; the key in the stack's encrypted state."""
    lease: RunLease
    join_seconds: float = _JOIN_SECONDS

    def begin(self, after: KeyRecord | None, snapshot: str) -> str:
        """Initialise pod 0 of a cluster that is known to be blank, and return the root token.

        ``after`` are the keys that are valid after the restore, if they are known; ``snapshot`` is the
        SHA-256 of what will be restored. Raises :class:`DeploymentError` if the pod has another seal than
        the stack.
        """
        access = self.vault.access
        # Before the init: what can't be kept is not to be made.
        cipher, secret = StackKeyCipher(self.journal_key).prepare(self.vault.deployment), self._secret
        present = self._read(secret)
        with access.reach(0) as client:
            status = client.seal_status()
            if status.seal_type != self.vault.seal_type:
                raise DeploymentError(
                    f"The stack has seal {self.vault.seal_type}, and {access.pod(0)} runs with seal "
                    f"{status.seal_type}. Nothing was initialised. Run pulumi up, delete the pods, and run "
                    "it again."
                )
            say(f"Initialising the blank Vault on {access.pod(0)} with keys that the restore makes void")
            self.lease.check()
            # The servers remember these numbers, and take the restored Vault's shares by them.
            shares, threshold = (len(after.shares), after.threshold) if after is not None else (1, 1)
            answer = client.initialize(shares=shares, threshold=threshold, recovery=status.recovery_seal)
        shares_needed = () if status.recovery_seal else answer.key_shares[:threshold]
        keys = _Keys(answer.root_token, shares_needed)
        plain = json.dumps({"root_token": keys.root_token, "key_shares": list(keys.key_shares)}).encode()
        kept = {"snapshot": snapshot, "header": dict(cipher.header), "sealed": cipher.encrypt(plain)}
        self._write(secret, kept, present)
        return self._joined(keys)

    def resumed(self, snapshot: str, cluster_id: str) -> Resumed | None:
        """Return how far an interrupted restore has come; None if the Vault that runs isn't of one.

        ``snapshot`` is the SHA-256 of what is to be restored, and ``cluster_id`` the cluster in it, empty if
        it isn't known.
        """
        secret = self._secret
        seen = self._read(secret)
        text = seen.secret_text(ENTRY) if seen is not None else None
        if seen is None or text is None:
            return None
        try:
            kept = json.loads(text)
            opened = StackKeyCipher(self.journal_key).open(kept["header"], self.vault.deployment)
            document = json.loads(opened.decrypt(kept["sealed"]))
            keys = _Keys(str(document["root_token"]), tuple(document["key_shares"]))
            same = kept["snapshot"] == snapshot
        except (JournalError, ValueError, KeyError, TypeError) as error:
            say(f"What an interrupted restore has left in {secret.location} can't be read: {error}")
            return None
        with self.vault.access.reach(0) as client:
            status = client.seal_status()
        restored = Resumed("") if same and cluster_id in ("", status.cluster_id or cluster_id) else None
        try:
            if status.sealed and not keys.key_shares:
                return restored
            if not status.sealed and not self._is_valid(keys):
                return restored
            token = self._joined(keys)
        except VaultRefusedError:
            # They are void.
            return restored
        if not same:
            # From now on it is this one that a later run finds restored.
            self._write(secret, {**kept, "snapshot": snapshot}, seen)
        return Resumed(token)

    def forget(self) -> None:
        """Delete what is kept; its keys are void."""
        try:
            seen = self._secret.read()
            if seen is not None:
                self._secret.delete(seen)
        except (KubectlError, ForeignObjectError) as error:
            say(f"{self._secret.location} is of no use any more and can't be deleted: {error}")

    def _write(self, secret: OwnedSecret, kept: Mapping[str, object], seen: SeenObject | None) -> None:
        try:
            secret.write(json.dumps(kept), seen)
        except KubectlError as error:
            # This run has them all the same.
            say(f"What a later run would go on with can't be kept in {secret.location}: {error}")

    def _is_valid(self, keys: _Keys) -> bool:
        waiting = Waiting("Waiting for Vault to answer", self.join_seconds)

        def attempt() -> bool:
            with self.vault.access.reach(0) as client:
                return client.with_token(keys.root_token).token_valid()

        return waiting.until(attempt, VaultUnavailableError)

    def _joined(self, keys: _Keys) -> str:
        """Return the root token once every pod is a voter: later the keys would keep a new one out."""
        access, replicas = self.vault.access, self.vault.replicas
        if keys.key_shares:
            unseal_pods(
                access,
                replicas=replicas,
                key_shares=keys.key_shares,
                threshold=len(keys.key_shares),
                seconds=self.join_seconds,
            )

        def attempt() -> None:
            found = observe_leadership(access, replicas)
            require_one_cluster(found.statuses)
            require_one_leader(found.leaders)
            with access.reach(0) as client:
                state = client.with_token(keys.root_token).raft_state()
            if not state.healthy or sum(peer.voter for peer in state.peers) != replicas:
                raise RetryableError(f"raft doesn't have {replicas} voters in good health yet")

        Waiting(f"Waiting for {replicas} servers to restore into", self.join_seconds).until(
            attempt,
            (RetryableError, VaultForbiddenError),
            timeout_message=lambda error: with_pod_problems(
                access, f"The blank Vault hasn't come up, so nothing was restored: {error}\nRun it again."
            ),
            pause_seconds=0.5,
        )
        return keys.root_token

    @property
    def _secret(self) -> OwnedSecret:
        return OwnedSecret(self.vault.access.target, f"{self.vault.access.statefulset}-restore", ENTRY)

    def _read(self, secret: OwnedSecret) -> SeenObject | None:
        try:
            return secret.read()
        except (KubectlError, ForeignObjectError) as error:
            raise DeploymentError(f"{secret.location} can't be used for the restore: {error}") from None
