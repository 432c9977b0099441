"""Proves the seal transit: encrypts and decrypts with the other Vault, from inside Vault's own pod.

The other Vault may be reachable only from inside the cluster, and the token belongs to the pod. So the vault
command in pod 0's container makes the calls, with that container's token, network and CA. Plaintext is passed
on standard input, the token not at all. Vault itself encrypts one byte when it starts and exits if that
fails, so a wrong address, token or policy shows as a pod that doesn't start; the right to decrypt is first
needed after the init, when it's too late. Needs the right to `create pods/exec`.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubernetesTarget
from components.progress import say
from components.seal_preflight import DATA_KEY_BYTES, KeyWrapper, until_settled
from components.transit.other_vault import OtherVault, TransitError


def prove_seal(properties: Mapping[str, Any], target: KubernetesTarget, seconds: float) -> "TransitKey":
    """Prove that Vault's token can use the key, see :func:`components.seals.seal.prove_seal`.

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
        until_settled("Waiting for the other Vault", seconds, lambda: _prove(other))
        warnings = until_settled("Waiting for the other Vault", seconds, lambda: token_warnings(other))
    except DeploymentError as error:
        raise DeploymentError(
            f"The preflight of the seal in pod {other.pod} didn't succeed; this run has initialised "
            f"nothing. {error}\nThen run pulumi up again."
        ) from None
    for warning in warnings:
        say(f"Warning: {warning}")
    return TransitKey(other)


@dataclass(frozen=True, repr=False)
class TransitKey(KeyWrapper):
    """The other Vault's key, which wraps the journal's key; the journal itself is bound to its Vault."""

    kind: ClassVar[str] = "vault-transit"
    key_field: ClassVar[str] = "key"
    other: OtherVault

    @property
    def key_name(self) -> str:
        """The key's URL."""
        return self.other.key

    def wrap(self, key: bytes, _deployment: str) -> Mapping[str, str]:
        """Encrypt ``key`` with the other Vault."""
        return {"wrapped_key": self.other.encrypt(key)}

    def unwrap(self, header: Mapping[str, str], _deployment: str) -> bytes:
        """Decrypt the key with the other Vault."""
        return self.other.decrypt(header["wrapped_key"])


def token_warnings(other: OtherVault) -> Sequence[str]:
    """Return warnings about an expiring token: with an expired one no pod that restarts unseals.

    Raises :class:`TransitError` if it may expire during the init. Source: Vault's documents on tokens.
    """
    advice = (
        "A pod that restarts after that stays sealed. Make a periodic orphan token: vault token create "
        "-orphan -period=768h -policy=..."
    )
    try:
        token = other.token()
    except TransitError as error:
        if error.settling:
            raise
        return (f"the lifetime of the other Vault's token is unknown: {error.summary}. {advice}",)
    if int(token.get("num_uses") or 0) > 0:
        raise TransitError(
            "The check of the other Vault's token",
            "it may be used only a few times more (num_uses)",
            advice,
            settling=False,
        )
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
    probe = secrets.token_bytes(DATA_KEY_BYTES)
    if other.decrypt(other.encrypt(probe)) != probe:
        raise DeploymentError(f"{other.key} decrypted something else than it had encrypted.")
