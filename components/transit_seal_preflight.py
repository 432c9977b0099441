"""The proof of the seal transit: Encrypt and Decrypt on the other Vault, from inside Vault's own pod.

The other Vault may be reachable from inside the cluster alone, and the token belongs to the pod; so the vault
command of pod 0's container does it, with that container's token, network and CA. What is encrypted goes
through standard input, the token through nothing at all. Vault itself encrypts one byte when it starts and
ends where that fails, so a wrong address, token or policy shows as a pod that doesn't come up; the right to
decrypt is first needed after the init, when it's too late. Needs the right to `create pods/exec`.
"""

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from components.errors import DeploymentError
from components.journal_cipher import KEY_BYTES, JournalCipher, JournalError, decoded
from components.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.progress import Waiting, say

_CIPHER_SECONDS = 60
_CONTAINER = "vault"
_NO_LOG = "(no log yet)"
# What no waiting mends: the other Vault has answered, and said no.
_REFUSAL = re.compile(r"Code: 40[0-9]")

Answer = TypeVar("Answer")


class TransitError(DeploymentError):
    """The other Vault refused, or couldn't be asked; the message holds its own words and the mend."""

    def __init__(self, summary: str, mend: str, *, passing: bool) -> None:
        self.summary = summary
        self.passing = passing
        super().__init__(f"{summary}. {mend}" if mend else summary)


def prove_seal(properties: Mapping[str, Any], target: KubernetesTarget, seconds: float) -> JournalCipher:
    """As :func:`components.seal_preflight.run_preflight`.

    ``properties``: ``pod``, the name of pod 0; ``pod_start_seconds``, how long its container may take to run;
    ``token_secret`` and ``token_key``, where the token is; and of the other Vault ``address``, ``mount``,
    ``key_name``, and ``namespace``, ``ca_file`` (in the container) and ``server_name``, empty for none.
    """
    other = OtherVault(
        kubectl=Kubectl(target),
        kubernetes_namespace=target.namespace,
        **{
            name: str(properties[name])
            for name in (
                "pod",
                "token_secret",
                "token_key",
                "address",
                "mount",
                "key_name",
                "namespace",
                "ca_file",
                "server_name",
            )
        },
    )
    say(f"Proving that {other.pod} can use {other.key}")
    try:
        other.await_container(max(seconds, float(properties["pod_start_seconds"])))
        _until_settled("Waiting for the other Vault", seconds, lambda: _prove(other))
        warnings = _until_settled("Waiting for the other Vault", seconds, lambda: token_warnings(other))
    except DeploymentError as error:
        raise DeploymentError(
            f"The preflight of the seal in pod {other.pod} didn't succeed; nothing was initialised. {error}\n"
            "Then run pulumi up again."
        ) from None
    for warning in warnings:
        say(f"Warning: {warning}")
    return TransitEnvelopeCipher(other)


@dataclass(frozen=True, repr=False)
class OtherVault:
    """The other Vault's key, asked for by the vault command in pod 0. Methods raise :class:`TransitError`."""

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
        """Names the key, with the Vault that it is in."""
        return f"{self.address}/v1/{self.mount}/keys/{self.key_name}"

    def encrypt(self, plain: bytes) -> str:
        """``plain`` as the other Vault has encrypted it."""
        text = base64.b64encode(plain).decode()
        path = f"{self.mount}/encrypt/{self.key_name}"
        return self._vault("write", ["-field=ciphertext"], [path, "plaintext=-"], stdin=text)

    def decrypt(self, ciphertext: str) -> bytes:
        """The opposite."""
        path = f"{self.mount}/decrypt/{self.key_name}"
        return decoded(self._vault("write", ["-field=plaintext"], [path, "ciphertext=-"], stdin=ciphertext))

    def token(self) -> Mapping[str, Any]:
        """What the other Vault knows of the token, but not the token."""
        found: Mapping[str, Any] = json.loads(self._vault("token lookup", ["-format=json"], []))["data"]
        return {name: value for name, value in found.items() if name != "id"}

    def await_container(self, seconds: float) -> None:
        """Waits until pod 0's container runs."""
        waiting = Waiting(f"Waiting for {self.pod}", seconds)
        while (state := self._container_state()) != "running":
            if waiting.over:
                raise self._not_running(state)
            waiting.pause(state, seconds=0.5)

    def _container_state(self) -> str:
        try:
            pod = self.kubectl.pod(self.pod)
        except KubectlError as error:
            return str(error)
        if pod is None:
            return "there is no such pod"
        for status in pod.get("status", {}).get("containerStatuses") or ():
            if status.get("name") == _CONTAINER:
                for name, details in status.get("state", {}).items():
                    said = ": ".join(filter(None, (details.get("reason"), details.get("message"))))
                    return "running" if name == "running" else said or name
        return "its container isn't there yet"

    def _not_running(self, state: str) -> TransitError:
        summary = f"Vault in pod {self.pod} doesn't run: {state}"
        log = self.kubectl.log_tail(self.pod)
        if "CreateContainerConfigError" in state:
            mend = (
                "The other Vault's token has to be in a Secret in Vault's namespace: kubectl --namespace="
                f"{self.kubernetes_namespace} create secret generic {self.token_secret} "
                f"--from-file={self.token_key}=..."
            )
        elif log == _NO_LOG:
            mend = (
                f"kubectl --namespace={self.kubernetes_namespace} describe pod {self.pod} tells what it "
                "waits for; a Secret with the other Vault's CA is one of the things."
            )
        else:
            summary, mend = f"{summary}. Its last log lines:\n{log}\n", self._mend(log)
        return TransitError(summary, mend, passing=False)

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
            *("--", "vault", *command.split(), *options),
            *(f"{name}={value}" for name, value in connection.items() if value),
            *arguments,
        ]
        try:
            return self.kubectl.run(line, stdin=stdin).strip()
        except KubectlError as error:
            said = " ".join(str(error).split())
            what = " ".join([command, *arguments[:1]])
            raise TransitError(
                f"vault {what} in pod {self.pod} failed: {said}",
                self._mend(said),
                passing=_REFUSAL.search(said) is None and error.reason not in ("Forbidden", "NotFound"),
            ) from None

    def _mend(self, said: str) -> str:
        rules = "\n".join(
            f'path "{self.mount}/{action}/{self.key_name}" {{ capabilities = ["update"] }}'
            for action in ("encrypt", "decrypt")
        )
        mends = {
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
        return next((mend for words, mend in mends.items() if words in said), network)


@dataclass(frozen=True, repr=False)
class TransitEnvelopeCipher(JournalCipher):
    """A data key made here and encrypted by the other Vault: whoever may unseal may read the journal."""

    kind: ClassVar[str] = "vault-transit"
    other: OtherVault

    def _make(self, deployment: str) -> tuple[Mapping[str, str], bytes]:  # noqa: ARG002 (bound by the journal)
        key = secrets.token_bytes(KEY_BYTES)
        wrapped = self._use(lambda: self.other.encrypt(key))
        return {"key": self.other.key, "wrapped_key": wrapped}, key

    def _open(self, header: Mapping[str, str], deployment: str) -> bytes:  # noqa: ARG002 (bound by the journal)
        if header.get("key") != self.other.key:
            raise JournalError(
                f"its key was encrypted by {header.get('key')}, and the seal's key is {self.other.key}; "
                "let the stack use the earlier key again"
            )
        return self._use(lambda: self.other.decrypt(header.get("wrapped_key", "")))

    def _use(self, request: Callable[[], Answer]) -> Answer:
        try:
            return _until_settled("Waiting for the key of the journal", _CIPHER_SECONDS, request)
        except TransitError as error:
            raise JournalError(f"its key can't be had: {error}") from None


def token_warnings(other: OtherVault) -> Sequence[str]:
    """What will one day end the token: with a dead one no pod that restarts unseals.

    Raises :class:`TransitError` where it may end within the init. Source: Vault's documents on tokens.
    """
    advice = (
        "A pod that restarts after that stays sealed. Make a periodic orphan token: vault token create "
        "-orphan -period=768h -policy=..."
    )
    try:
        token = other.token()
    except TransitError as error:
        if error.passing:
            raise
        return (f"how long the other Vault's token lives can't be told: {error.summary}. {advice}",)
    if int(token.get("num_uses") or 0) > 0:
        raise TransitError("The token may be used only a few times more (num_uses)", advice, passing=False)
    if int(token.get("ttl") or 0) == 0:
        return (
            f"the other Vault's token never ends (policies {_policies(token)}); a periodic token with a "
            "policy for this key alone is safer.",
        )
    warnings = []
    if not token.get("renewable"):
        warnings.append(
            f"the other Vault's token can't be renewed and ends {token.get('expire_time')}. {advice}"
        )
    elif token.get("explicit_max_ttl"):
        warnings.append(
            "the other Vault's token ends for good "
            f"{token['explicit_max_ttl']} s after it was made, however often it is renewed. {advice}"
        )
    elif not token.get("period"):
        warnings.append(
            "the other Vault's token isn't periodic: it ends for good after that Vault's longest TTL "
            f"(max_lease_ttl, 768h unless set), however often it is renewed. {advice}"
        )
    if not token.get("orphan"):
        warnings.append(f"the other Vault's token ends with the token that made it (orphan false). {advice}")
    return warnings


def _policies(token: Mapping[str, Any]) -> str:
    return ", ".join(str(policy) for policy in token.get("policies") or ())


def _prove(other: OtherVault) -> None:
    probe = secrets.token_bytes(KEY_BYTES)
    if other.decrypt(other.encrypt(probe)) != probe:
        raise DeploymentError(f"{other.key} decrypted something else than it had encrypted.")


def _until_settled(what: str, seconds: float, attempt: Callable[[], Answer]) -> Answer:
    """Tries again while the pod or the way to the other Vault may be coming up, until the time is over."""
    waiting = Waiting(what, seconds)
    while True:
        try:
            return attempt()
        except TransitError as error:
            if waiting.over or not error.passing:
                raise
            waiting.pause(error.summary, seconds=1)
