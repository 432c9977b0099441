"""Deploys a Vault, chapter by chapter: the table of contents of the program."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pulumi

from components.audit_default import with_audit_default
from components.audit_devices import enable_audit_devices
from components.cluster_lookup import look_up_cluster
from components.custody_provisioning import provision_custody
from components.gateway_policy import provision_gateway_policy
from components.injector_admission import verify_injector_admission
from components.injector_rollout import roll_injector_out
from components.interrupted_run import watch_for_interrupted_run
from components.journal_key import JournalKey
from components.kubernetes_connection import connect_kubernetes
from components.metrics_provisioning import provision_metrics
from components.network_policy import provision_network_policy
from components.operator_init import OperatorInit
from components.pod_rollout import PodRollout
from components.raft_quorum import RaftQuorum
from components.release_guard import ReleaseGuard
from components.root_token_revocation import revoke_root_token
from components.seal_provisioning import provision_seals
from components.server_certificate import provision_server_certificate
from components.settings import Settings
from components.shamir_unseal import unseal_with_key_shares
from components.snapshot_schedule import give_snapshot_access, schedule_snapshots
from components.vault_namespace import provision_namespace
from components.vault_release import VaultRelease, VaultReleaseArgs, pod_access, user_interface
from components.webhook_rule import open_webhook


def deploy_vault(settings: Settings) -> Mapping[str, pulumi.Input[Any]]:
    """Register every resource of a Vault, and return the outputs of its stack."""
    settings = with_audit_default(settings)
    watch_for_interrupted_run()

    cluster = look_up_cluster(settings)
    connection = connect_kubernetes(settings, cluster)
    access = pod_access(settings, connection.target)
    namespace = provision_namespace(settings, connection.provider)
    seals = provision_seals(
        settings,
        cluster,
        connection.provider,
        namespace.name,
        guard=partial(
            ReleaseGuard,
            "release-guard",
            settings,
            access,
            # The guard asks Vault for its seal, so the cluster must first be known to be the right one.
            pulumi.ResourceOptions(depends_on=[connection.provider]),
        ),
    )
    custody = provision_custody(settings, cluster, seals.current)
    webhook = open_webhook(settings, cluster)
    policy = provision_network_policy(settings, connection.provider, namespace.name)

    certificate = provision_server_certificate(settings, connection, namespace)
    gateway = provision_gateway_policy(settings, connection.provider, namespace.name, certificate.authority)

    release = VaultRelease(
        "vault",
        VaultReleaseArgs(
            settings=settings,
            access=access,
            namespace=namespace.name,
            seal_stanzas=seals.stanzas,
            pods=seals.pods,
            authority=certificate.authority,
            prerequisites=(
                *namespace.prerequisites,
                *seals.prerequisites,
                *webhook.prerequisites,
                *policy.prerequisites,
                *certificate.prerequisites,
                *gateway,
            ),
        ),
        pulumi.ResourceOptions(provider=connection.provider),
    )
    injector = roll_injector_out(settings, release)
    verify_injector_admission(settings, release, injector)

    journal_key = JournalKey("journal-key", pulumi.ResourceOptions(protect=settings.protect))
    init = OperatorInit(
        "operator-init",
        settings=settings,
        connection=connection,
        seal=seals.current,
        journal_key=journal_key,
        release=release,
        opts=pulumi.ResourceOptions(depends_on=[release, *custody.prerequisites]),
    )
    unsealed = unseal_with_key_shares(settings, release, init)
    rollout = PodRollout(
        "pod-rollout",
        settings=settings,
        release=release,
        init=init,
        opts=pulumi.ResourceOptions(depends_on=[init, *unsealed]),
    )
    quorum = RaftQuorum(
        "raft-quorum",
        settings=settings,
        release=release,
        init=init,
        rollout=rollout,
        opts=pulumi.ResourceOptions(depends_on=[rollout]),
    )

    provision_metrics(settings, connection, namespace.name, certificate, alarms_after=[quorum])
    audit = enable_audit_devices(settings, release, init, rollout, quorum)
    snapshot_access = give_snapshot_access(settings, release, init, after=audit.resource or quorum)
    last_with_token = snapshot_access or audit.resource or quorum
    revoked = revoke_root_token(settings, release, init, after=last_with_token)
    snapshots = schedule_snapshots(
        settings,
        cluster,
        connection,
        release,
        init,
        seals.current,
        access=snapshot_access,
        rollout=rollout,
        after=revoked or last_with_token,
    )
    return {
        **seals.outputs,
        **webhook.outputs,
        **policy.outputs,
        **certificate.outputs,
        **custody.outputs,
        **release.outputs,
        **audit.outputs,
        **snapshots,
        "namespace": release.namespace,
        "release_name": release.release_name,
        "mode": settings.mode,
        "seal_type": settings.seal.type,
        "seal_key": seals.current.key,
        "migrate_from": settings.migrate_from.type if settings.migrate_from else "",
        "vault_version": quorum.vault_version,
        "cluster_id": quorum.cluster_id,
        "peers": quorum.peers,
        "user_interface": user_interface(settings, release),
        "pod_access": access.to_properties(),
        "replicas": settings.replicas,
        "threshold": init.threshold,
        "custody": settings.custody.to_properties() or {"store": settings.custody.name},
        "deployment": init.deployment,
        "keys_location": init.keys_location,
        "keys_version": init.keys_version,
        "keys_fingerprint": init.keys_fingerprint,
        "root_token": init.root_token,
        "recovery_shares": init.recovery_shares,
        "key_shares": init.key_shares,
    }
