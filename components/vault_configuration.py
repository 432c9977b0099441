"""Vault's server configuration, rendered as HCL from the settings.

Sources: the Vault documents on the `listener "tcp"`, `storage "raft"`, `seal "awskms"` and
`service_registration "kubernetes"` stanzas.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.settings import RaftSettings

API_PORT = 8200


@dataclass(frozen=True)
class SealStanza:
    """A seal stanza: its type and its parameters."""

    type: str
    parameters: Mapping[str, str]


def awskms_stanza(region: str, key_id: str) -> SealStanza:
    """The stanza for AWS KMS; credentials come from the pod's service account, so none are in it."""
    return SealStanza("awskms", {"region": region, "kms_key_id": key_id})


def quote(text: str) -> str:
    """``text`` as an HCL string.

    HCL 1 takes JSON's escapes; a dollar sign before a brace would begin an interpolation, which the
    escape for the sign itself prevents.
    """
    return json.dumps(text).replace("${", "\\u0024{")


def join_addresses(raft: RaftSettings, *, fullname: str, namespace: str, replicas: int) -> Sequence[str]:
    """Where a pod that has no data asks to be taken into the cluster, in the order of trying.

    The Service of the active Vault resolves from the start and leads to a pod as soon as there is a
    leader; a pod's own name resolves only once DNS knows the pod, and a look-up that failed stays
    cached for seconds.
    """
    if replicas == 1:
        return ()
    if raft.retry_join == "active-service":
        return (f"http://{fullname}-active.{namespace}.svc:{API_PORT}",)
    return tuple(f"http://{fullname}-{ordinal}.{fullname}-internal:{API_PORT}" for ordinal in range(replicas))


def render_configuration(
    *, ui: bool, raft: RaftSettings, join: Sequence[str], seal: SealStanza | None
) -> str:
    """The whole configuration; without a seal stanza Vault uses Shamir's key shares.

    Service registration labels the active pod, which the chart's ``-active`` Service selects by.
    """
    blocks = [
        f"ui = {str(ui).lower()}",
        _block(
            'listener "tcp"',
            ["tls_disable = 1", 'address = "[::]:8200"', 'cluster_address = "[::]:8201"'],
        ),
        _block(
            'storage "raft"',
            [
                'path = "/vault/data"',
                f"performance_multiplier = {raft.performance_multiplier}",
                f"autopilot_reconcile_interval = {quote(raft.autopilot_reconcile_interval)}",
                f"autopilot_update_interval = {quote(raft.autopilot_update_interval)}",
                *(
                    line
                    for address in join
                    for line in ("retry_join {", f"  leader_api_addr = {quote(address)}", "}")
                ),
            ],
        ),
    ]
    if seal is not None:
        blocks.append(
            _block(
                f"seal {quote(seal.type)}",
                [f"{name} = {quote(value)}" for name, value in seal.parameters.items()],
            )
        )
    blocks.append('service_registration "kubernetes" {}')
    return "\n\n".join(blocks) + "\n"


def _block(header: str, lines: Sequence[str]) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"{header} {{\n{body}\n}}"
