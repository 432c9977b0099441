"""A Vault that has its keys, on which faults are tried one after another: its deployment takes longest."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pysequoia
import requests

from sandbox.aws.account import ACCOUNT_ID, OPERATOR_USER
from sandbox.network import REGION
from tests.end_to_end.faults.bench import SHARES, THRESHOLD, Bench
from tests.end_to_end.faults.custodies import decrypted
from tests.end_to_end.faults.expectations import Keys
from tests.end_to_end.faults.key_proof import prove_by_generate_root
from tests.end_to_end.faults.vault_proxy import Exchange, Interceptor
from tests.end_to_end.running_vault import poll

FEW: Mapping[str, Any] = {"shares": SHARES, "threshold": THRESHOLD}
MORE: Mapping[str, Any] = {"shares": SHARES + 1, "threshold": THRESHOLD + 1}
_CALL_SECONDS = 10


@dataclass(frozen=True)
class Step:
    """A request of a change of shares to Vault."""

    call: str
    """`init` begins it, `update` takes the valid shares, `verify` takes the new ones."""
    last: bool = False
    """The last request of its kind, after which the next step follows; else the first."""
    answered: bool = False
    """Whether Vault gets it, and answers."""


@dataclass
class SharedVault(Bench):
    """Sealed with AWS KMS, and its keys in a file, unless a derived class says otherwise."""

    title: ClassVar[str] = "awskms, file"
    """Its seal and the place of its keys, for a person."""
    pods: ClassVar[int] = 1
    init: Mapping[str, Any] = field(default_factory=lambda: FEW)
    """The settings `init` as they are now."""
    holders: Sequence[pysequoia.Tsk] = ()
    """Private keys of those that shares may be encrypted to."""
    tried: str = ""
    """The fault that was tried last and hasn't ended well; empty if there is none."""
    _settled: Mapping[str, Any] = field(default_factory=lambda: FEW)
    _before: Mapping[str, Any] = field(default_factory=dict)

    def own_settings(self) -> Mapping[str, object]:
        """Return the settings that make it what it is."""
        return {}

    def begin(self, fault: str) -> None:
        """Deploy it if it isn't yet, and forget what the fault before was about."""
        assert not self.tried, f"{self.tried!r} failed on this Vault, so what it is like now isn't known"
        self.tried = fault
        if not self.volumes:
            self.configure()
            self.up()
        self._settled = self.init
        self._before = self._stored()
        self.require_no_secret_said()
        self.said.clear()

    def configure(self, **changes: object) -> None:
        """Write the settings of all trials, with its own and these on top."""
        super().configure(**{"init": self.init, **self.own_settings(), **changes})

    def ask_for(self, init: Mapping[str, Any]) -> None:
        """Change the settings `init`."""
        self.init = init
        self.configure()

    def ask_for_other_shares(self) -> None:
        """Change the number of shares, and how many are needed."""
        self.ask_for(FEW if self._settled == MORE else MORE)

    def set_back(self) -> None:
        """Set the settings back to what they were before the fault."""
        self.ask_for(self._settled)

    def at(self, step: Step, interceptor: Interceptor) -> None:
        """Have that request handled by ``interceptor``."""
        needed = {"init": 1, "update": int(self._before["threshold"]), "verify": int(self.init["threshold"])}
        self.proxy.on_write(
            f"{self.rekey_path}/{step.call}", interceptor, needed[step.call] - 1 if step.last else 0
        )

    def kill_at(self, step: Step) -> None:
        """Start an update, every process of which is killed at that request."""

        def kill(exchange: Exchange) -> None:
            assert self.journal_has_keys() is (step.call == "verify")
            if step.answered:
                assert exchange.forward().status == 200
            run.kill_everything()

        with self.start() as run:
            self.at(step, kill)
            run.await_killed()
        self.cancel()

    def cancel(self) -> None:
        """End the lock of a killed run as a person does, and the Lease as time does."""
        super().cancel()
        self.kubectl(
            *("patch", "lease", f"{self.name}-operator-init", "--type=merge"),
            '--patch={"spec": {"leaseDurationSeconds": 1}}',
        )

    @property
    def rekey_path(self) -> str:
        """Where Vault takes a change of its shares."""
        return "sys/rekey-recovery-key"

    def vault_call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """What Vault on pod 0 answers to somebody who has no token."""
        response = requests.request(
            method, f"{self.pod_address(self.pod)}/v1/{path}", json=body, timeout=_CALL_SECONDS
        )
        assert response.ok, f"{path}: {response.status_code}"
        answer: Mapping[str, Any] = response.json() if response.content else {}
        return answer

    def journal_has_keys(self) -> bool:
        """Whether the journal in the cluster has keys in it."""
        secret = ("get", "secret", f"{self.name}-operator-init", "--output=jsonpath={.data.journal}")
        entry: Mapping[str, Any] = json.loads(base64.b64decode(self.kubectl(*secret)))
        return bool(entry["ciphertext"])

    def stored_shares(self) -> Sequence[str]:
        """The shares from where they belong, by their holders if they are encrypted to them."""
        return self._shares(self._stored())

    def secrets(self) -> Sequence[str]:
        """The root token, the shares from before the fault, and all that Vault ever made."""
        return [*super().secrets(), *self._shares(self._before), *self.proxy.given]

    def prove_keys(self) -> Keys:
        """Which shares are stored; fails unless they unlock Vault, which is the one from before the fault."""
        poll("Vault has addresses", 60, lambda: bool(self.deployment.vault.addresses()))
        stored = self._stored()
        shares = self._shares(stored)
        prove_by_generate_root(self.deployment.vault.addresses(), shares, int(stored["threshold"]))
        assert self.journal() == ""
        assert self.vault_call("GET", f"{self.rekey_path}/init")["started"] is False
        assert len(set(self.volumes)) == 1, f"volumes after each run: {self.volumes}"
        return Keys.SAME_SHARES if shares == self._shares(self._before) else Keys.NEW_SHARES

    def _shares(self, record: Mapping[str, Any]) -> Sequence[str]:
        shares: Sequence[str] = record["recovery_shares"] or record["key_shares"]
        if not record.get("shares_encrypted"):
            return shares
        # The messages hold hexadecimal digits.
        plain = (decrypted(share, holder) for share, holder in zip(shares, self.holders, strict=True))
        return [base64.b64encode(bytes.fromhex(digits)).decode() for digits in plain]


class InFile(SharedVault):
    """The keys in a file, in a store that obeys orders."""


class InFileThreePods(SharedVault):
    """The same with three pods."""

    title = "awskms, file, 3 pods"
    pods = 3


class InState(SharedVault):
    """The keys in the engine's state."""

    title = "awskms, state"

    def own_settings(self) -> Mapping[str, object]:
        """Return no custody."""
        return {"custody": None}


class ShamirInState(SharedVault):
    """Shamir's seal, whose shares unseal Vault; they are in the engine's state."""

    title = "shamir, state"

    def own_settings(self) -> Mapping[str, object]:
        """Return no custody, and the seal."""
        return {"custody": None, "seal": "shamir"}

    @property
    def rekey_path(self) -> str:
        """Where Vault takes a change of its key shares."""
        return "sys/rekey"


class InKubernetesSecret(SharedVault):
    """The keys in a Secret of another namespace."""

    title = "awskms, kubernetes-secret"

    def own_settings(self) -> Mapping[str, object]:
        """Return the custody."""
        return {"custody": {"store": "kubernetes-secret", "namespace": self._namespace}}

    def begin(self, fault: str) -> None:
        """Create the namespace, too, before the first fault."""
        if not self.volumes:
            self.deployment.cluster.kubectl("create", "namespace", self._namespace)
        super().begin(fault)

    @property
    def _namespace(self) -> str:
        return f"{self.name}-keys"

    def _stored(self) -> Mapping[str, Any]:
        secret = self.deployment.cluster.get(
            "secret", "vault-operator-init", f"--namespace={self._namespace}"
        )
        stored: Mapping[str, Any] = json.loads(base64.b64decode(secret["data"]["record.json"]))
        return stored


class InSecretsManager(SharedVault):
    """The keys in AWS Secrets Manager."""

    title = "awskms, aws-secrets-manager"

    def own_settings(self, *more_readers: str) -> Mapping[str, object]:
        """Return the custody, which the sandbox's operator may read, and so may others."""
        return {
            "custody": {
                "store": "aws-secrets-manager",
                "name": self.secret,
                "region": REGION,
                "readers": [f"arn:aws:iam::{ACCOUNT_ID}:user/{OPERATOR_USER}", *more_readers],
            }
        }

    @property
    def secret(self) -> str:
        """The secret's name."""
        return f"{self.name}/keys"

    def _stored(self) -> Mapping[str, Any]:
        answer = self.deployment.aws("secretsmanager").get_secret_value(SecretId=self.secret)
        stored: Mapping[str, Any] = json.loads(answer["SecretString"])
        return stored
