"""Calls another Vault's transit engine with the vault command in pod 0 of this one."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.kubernetes.kubectl import Kubectl, KubectlError
from components.kubernetes.pod_state import PodState, stateful_set_pods
from components.progress import Waiting
from components.seal_preflight import SettlingError

_CONTAINER = "vault"
# Not retryable: the other Vault has answered, and refused.
_REFUSAL = re.compile(r"Code: 40[0-9]")


class TransitError(SettlingError):
    """The other Vault refused, or couldn't be reached."""


@dataclass(frozen=True, repr=False)
class OtherVault:
    """The other Vault's key, used through the vault command in pod 0. Methods raise :class:`TransitError`."""

    kubectl: Kubectl
    kubernetes_namespace: str
    pod: str
    token_secret: str
    token_key: str
    address: str
    mount: str
    key_name: str
    namespace: str
    ca_file: str
    server_name: str

    @property
    def key(self) -> str:
        """The key's URL."""
        return f"{self.address}/v1/{self.mount}/keys/{self.key_name}"

    def encrypt(self, plain: bytes) -> str:
        """Encrypt ``plain`` with the other Vault; return its ciphertext."""
        text = base64.b64encode(plain).decode()
        path = f"{self.mount}/encrypt/{self.key_name}"
        return self._vault("write", ["-field=ciphertext"], [path, "plaintext=-"], stdin=text)

    def decrypt(self, ciphertext: str) -> bytes:
        """Decrypt what the other Vault encrypted."""
        path = f"{self.mount}/decrypt/{self.key_name}"
        return base64.b64decode(
            self._vault("write", ["-field=plaintext"], [path, "ciphertext=-"], stdin=ciphertext)
        )

    def token(self) -> Mapping[str, Any]:
        """Return the attributes of the token, such as its TTL, but not the token itself."""
        found: Mapping[str, Any] = json.loads(self._vault("token lookup", ["-format=json"], []))["data"]
        return {name: value for name, value in found.items() if name != "id"}

    def await_container(self, seconds: float) -> None:
        """Wait until pod 0's containers run; raise :class:`TransitError` after ``seconds``."""
        waiting = Waiting(f"Waiting for {self.pod}", seconds)
        while not (state := self._state()).running:
            if waiting.over:
                raise self._not_running(state)
            waiting.pause(state.problem, seconds=0.5)

    def _state(self) -> PodState:
        try:
            pods = stateful_set_pods(self.kubectl, self.pod.removesuffix("-0"))
        except KubectlError as error:
            return PodState(self.pod, str(error), started=True)
        return next(iter(pods), PodState(self.pod, "its StatefulSet has no replicas", started=False))

    def _not_running(self, state: PodState) -> TransitError:
        reason = f"it doesn't run: {state.problem}"
        if "CreateContainerConfigError" in state.problem:
            fix = (
                "The other Vault's token has to be in a Secret in Vault's namespace: kubectl --namespace="
                f"{self.kubernetes_namespace} create secret generic {self.token_secret} "
                f"--from-file={self.token_key}=..."
            )
        elif not state.started:
            fix = (
                "A Secret with the other Vault's CA (transit.tls.caSecret) is one of the things it waits for."
            )
        else:
            log = self.kubectl.log_tail(self.pod)
            reason, fix = f"{reason}. Its last log lines:\n{log}", self._fix(log)
        return TransitError(f"The start of Vault in pod {self.pod}", reason, fix, settling=False)

    def _vault(
        self, command: str, options: Sequence[str], arguments: Sequence[str], *, stdin: str | None = None
    ) -> str:
        connection = {
            "-address": self.address,
            "-namespace": self.namespace,
            "-ca-cert": self.ca_file,
            "-tls-server-name": self.server_name,
        }
        line = [
            *("exec", self.pod, f"--container={_CONTAINER}", *(["--stdin"] if stdin is not None else [])),
            # Not its flag -disable-redirects, which Vault 1.18 ignores.
            *("--", "env", "VAULT_DISABLE_REDIRECTS=true", "vault", *command.split(), *options),
            *(f"{name}={value}" for name, value in connection.items() if value),
            *arguments,
        ]
        what = f"vault {' '.join([command, *arguments[:1]])} in pod {self.pod}"
        try:
            answer = self.kubectl.run(line, stdin=stdin).strip()
        except KubectlError as error:
            message = " ".join(str(error).split())
            raise TransitError(
                what,
                message,
                self._fix(message),
                settling=_REFUSAL.search(message) is None and error.reason not in ("Forbidden", "NotFound"),
            ) from None
        # What the command prints of a redirect that it doesn't follow.
        if answer in ("", "null"):
            raise TransitError(
                what,
                "the other Vault redirects, which isn't followed, as the token would go there",
                "Set transit.address to an address that answers itself; a standby of the other Vault that "
                "can't reach its leader redirects for some seconds.",
                settling=True,
            )
        return answer

    def _fix(self, message: str) -> str:
        rules = "\n".join(
            f'path "{self.mount}/{action}/{self.key_name}" {{ capabilities = ["update"] }}'
            for action in ("encrypt", "decrypt")
        )
        fixes = {
            "pods/exec": "Whoever runs pulumi up needs the right to create pods/exec in namespace "
            f"{self.kubernetes_namespace!r}, or init.preflight has to be false.",
            "invalid token": "The token is revoked, ran out or is of another Vault: put a new one into the "
            f"Secret {self.token_secret}, and delete the pod, as it reads it when it starts.",
            "permission denied": "The token's policy on the other Vault has to have both\n"
            f"{rules}\nand the key has to be there (vault write -force {self.mount}/keys/{self.key_name}).",
            "encryption key not found": "Make the key on the other Vault: vault write -force "
            f"{self.mount}/keys/{self.key_name}",
            "no handler for route": f"The other Vault has no engine there: vault secrets enable -path="
            f"{self.mount} transit",
            "Vault is sealed": "Unseal the other Vault first.",
            "x509": "The other Vault's certificate isn't trusted: see transit.tls.caSecret and serverName.",
        }
        network = f"Check that the pods reach {self.address}."
        return next((fix for text, fix in fixes.items() if text in message), network)
