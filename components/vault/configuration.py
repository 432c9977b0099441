"""Renders Vault's server configuration as HCL from the settings.

Sources: the Vault documents on the configuration's parameters and on the `listener "tcp"`, `storage "raft"`,
`storage "file"`, `seal` and `service_registration "kubernetes"` stanzas.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from components.seals.seal import SealStanza
from components.settings import ListenerSettings, RaftSettings
from components.vault.ports import API_PORT

DATA_PATH = "/vault/data"
_PLAIN_LISTENER = ListenerSettings()

# A gauge that isn't set any more is gone after that time: a former leader's of autopilot have to be, and
# those of a sealed server are. Prometheus has to come at least twice in it.
TELEMETRY = (
    'prometheus_retention_time = "5m"',
    # Else the names of some metrics begin with the pod's.
    "disable_hostname = true",
)


@dataclass(frozen=True)
class ServerTls:
    """How Vault's servers speak TLS: paths in Vault's container, and a name."""

    certificate_file: str
    """Vault reads it and the key again at a SIGHUP."""
    key_file: str
    authority_file: str
    """Certificates by which a pod that joins verifies the server that it joins at."""
    name: str
    """The name by which it does, whichever address it joins at. Vault heeds it with the file only."""


def quote(text: str) -> str:
    """Return ``text`` as an HCL string.

    HCL 1 takes JSON's escapes. A dollar sign before a brace would begin an interpolation, so the dollar sign
    is escaped.
    """
    return json.dumps(text).replace("${", "\\u0024{")


def join_addresses(
    raft: RaftSettings, *, fullname: str, namespace: str, replicas: int, scheme: str = "http"
) -> Sequence[str]:
    """Return the addresses that a pod without data tries to join the cluster at, in order.

    The Service of the active Vault resolves from the start and leads to a pod as soon as there is a leader. A
    pod's own name resolves only once DNS knows the pod, and a failed look-up stays cached for seconds.
    """
    if replicas == 1:
        return ()
    if raft.retry_join == "active-service":
        return (f"{scheme}://{fullname}-active.{namespace}.svc:{API_PORT}",)
    return tuple(
        f"{scheme}://{fullname}-{ordinal}.{fullname}-internal:{API_PORT}" for ordinal in range(replicas)
    )


def render_configuration(
    *,
    ui: bool,
    raft: RaftSettings | None,
    join: Sequence[str],
    seals: Sequence[SealStanza],
    listener: ListenerSettings = _PLAIN_LISTENER,
    tls: ServerTls | None = None,
    unauthenticated: Sequence[str] = (),
    telemetry: bool = False,
    extra: str = "",
) -> str:
    """Return the whole configuration; without a seal stanza Vault uses Shamir's key shares.

    ``unauthenticated`` are the families of calls for which Vault 2.x is to want no token, such as
    `generate-root`; earlier versions don't know the parameter, and want none for these.

    ``telemetry`` has Vault keep its metrics for Prometheus.

    ``extra`` is HCL of the user's own. It isn't the last, as the chart cuts off the last line's end, which
    belongs to a heredoc.

    ``raft`` is None for file storage, which can't be highly available. With raft, service registration
    labels the active pod, which the chart's ``-active`` Service selects by; Vault refuses it without.
    """
    blocks = [
        f"ui = {str(ui).lower()}",
        *([f"enable_unauthenticated_access = {json.dumps([*unauthenticated])}"] if unauthenticated else []),
        *([_block("telemetry", TELEMETRY)] if telemetry else []),
        *([extra.strip("\n")] if extra else []),
        _block('listener "tcp"', _listener(listener, tls)),
        _block('storage "file"', [f"path = {quote(DATA_PATH)}"]) if raft is None else _raft(raft, join, tls),
    ]
    for seal in seals:
        parameters = [f"{name} = {quote(value)}" for name, value in seal.parameters.items()]
        blocks.append(_block(f"seal {quote(seal.type)}", parameters))
    if raft is not None:
        blocks.append('service_registration "kubernetes" {}')
    return "\n\n".join(blocks) + "\n"


def _listener(listener: ListenerSettings, tls: ServerTls | None) -> Sequence[str]:
    lines = [*_certificate(tls), 'address = "[::]:8200"', 'cluster_address = "[::]:8201"']
    if listener.forwarded_for_addresses:
        lines += [
            f"x_forwarded_for_authorized_addrs = {json.dumps([*listener.forwarded_for_addresses])}",
            f"x_forwarded_for_hop_skips = {listener.forwarded_for_hop_skips}",
            f"x_forwarded_for_reject_not_authorized = {json.dumps(listener.forwarded_for_reject_others)}",
            # Vault's own default refuses whoever comes without a proxy: the program, the injector's agents,
            # the pods that join, and the probe.
            "x_forwarded_for_reject_not_present = false",
        ]
    if listener.unauthenticated_metrics:
        lines += ["telemetry {", "  unauthenticated_metrics_access = true", "}"]
    return [*lines, *_extra(listener.extra.text)]


def _certificate(tls: ServerTls | None) -> Sequence[str]:
    if tls is None:
        return ["tls_disable = 1"]
    return [
        f"tls_cert_file = {quote(tls.certificate_file)}",
        f"tls_key_file = {quote(tls.key_file)}",
        'tls_min_version = "tls12"',
    ]


def _raft(raft: RaftSettings, join: Sequence[str], tls: ServerTls | None) -> str:
    verified = (
        [
            f"  leader_ca_cert_file = {quote(tls.authority_file)}",
            f"  leader_tls_servername = {quote(tls.name)}",
        ]
        if tls is not None
        else []
    )
    return _block(
        'storage "raft"',
        [
            f"path = {quote(DATA_PATH)}",
            f"performance_multiplier = {raft.performance_multiplier}",
            f"autopilot_reconcile_interval = {quote(raft.autopilot_reconcile_interval)}",
            f"autopilot_update_interval = {quote(raft.autopilot_update_interval)}",
            *_extra(raft.extra.text),
            *(
                line
                for address in join
                for line in ("retry_join {", f"  leader_api_addr = {quote(address)}", *verified, "}")
            ),
        ],
    )


def _extra(text: str) -> Sequence[str]:
    """Return a user's lines as one, so that those of a heredoc aren't indented."""
    return [text.strip("\n")] if text else []


def _block(header: str, lines: Sequence[str]) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"{header} {{\n{body}\n}}"
