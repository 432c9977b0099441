"""Each section of the page: all well, and each thing that can be wrong, with its fix."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from components.status.facts import Facts, TokenAnswers
from components.status.page import Section, State
from components.status.sections import (
    audit_section,
    custody_section,
    outdated_section,
    page_of,
    pods_section,
    seal_section,
    versions_section,
    voters_section,
)
from components.vault.answers import Leader, RaftPeer, RaftState
from components.vault.seal_health import SealHealth
from tests.unit.fakes.observed_vault import WANTED, facts, missing, pod, sealed, wrong
from tests.unit.fakes.rolling_pods import OLD, server

SHAMIR = {"seal_type": "shamir"}
RAFT = RaftState(
    tuple(
        RaftPeer(f"vault-{ordinal}", f"vault-{ordinal}:8201", ordinal == 0, voter=True, healthy=True)
        for ordinal in range(3)
    ),
    healthy=True,
)


def only(section: Section) -> tuple[str, str, str]:
    """Who the one line is about that needs attention, what it says, and the fix with its command."""
    (line,) = wrong(section)
    return line.about, line.says, f"{line.fix} {line.command}"


def test_page_of_a_vault_that_is_well() -> None:
    page = page_of(facts())
    assert (page.state, page.exit_code) == (State.NOTE, 0)
    assert page.to_text().splitlines()[2:] == [
        "ok  Pods          vault-0  leads, unsealed (awskms), Vault 1.20.4",
        "ok                vault-1  stands by, unsealed (awskms), Vault 1.20.4",
        "ok                vault-2  stands by, unsealed (awskms), Vault 1.20.4",
        "ok  Version       Vault 1.20.4",
        "ok  Seal          awskms: pods unseal themselves",
        "ok  Voters        vault-0 leads, 2 of 2 follow it closely",
        "--                who votes in raft is not known without a token (--with-token); 3 at the last",
        "                  verification by pulumi up",
        "ok  Keys          recovery shares in the stack's state; 3 of them are needed",
        "--  Certificate   none: Vault speaks plain HTTP (docs/tls.md)",
        "--  Audit         whether requests are recorded is not known without a token (--with-token)",
        "--  Snapshots     none on a schedule by this stack (docs/snapshots.md)",
        "ok  Outdated      no pod: all run with the settings of the release",
    ]


def test_missing_right_to_a_tunnel_is_no_fault_of_vault() -> None:
    """Whoever watches the exit code mustn't be woken for it, and least of all be told to delete the pod."""
    refusal = (
        'error: error upgrading connection: pods "vault-0" is forbidden: User "watcher" cannot create '
        'resource "pods/portforward" in API group "" in the namespace "vault"'
    )
    refused = (replace(pod(ordinal), status=None, leader=None, problem=refusal) for ordinal in range(3))
    seen = facts(*refused)
    assert [line.state for line in pods_section(seen).lines] == [State.UNKNOWN] * 3
    assert all("docs/operations.md" in line.fix for line in pods_section(seen).lines)
    assert page_of(seen).exit_code == 2


@pytest.mark.parametrize(
    ("ill", "said", "fix"),
    [
        (missing(2), "there is no such pod", "describe statefulset vault"),
        (missing(2, "not created: exceeded quota"), "not created: exceeded quota", "describe statefulset"),
        (pod(2, kubernetes="CrashLoopBackOff", status=None), "it doesn't run: CrashLoop", "describe pod"),
        (replace(pod(2), server=server(2, terminating=True)), "it is being deleted", "wait"),
        (
            pod(2, problem="no answer from Vault: ReadTimeout", leader=None),
            "it is unsealed and no answer",
            "logs vault-2",
        ),
        (
            replace(pod(2), status=None, leader=None, problem="no answer from Vault: ReadTimeout"),
            "its Vault doesn't answer: no answer from Vault: ReadTimeout",
            "logs vault-2 --container=vault",
        ),
        (pod(2, status={"initialized": False, "sealed": True}), "it hasn't joined", "logs vault-2"),
        (sealed(2), "it is sealed", "why it can't use the seal's key"),
        (replace(pod(2), server=server(2, ready=False)), "not ready: no Service leads to it", "describe"),
    ],
)
def test_pod_that_does_not_serve(ill: Any, said: str, fix: str) -> None:
    about, says, fixes = only(pods_section(facts(pod(0), pod(1), ill)))
    assert about == "vault-2"
    assert said in says
    assert fix in fixes


def test_sealed_pods_of_shamir_name_the_command() -> None:
    _, says, fix = only(pods_section(facts(sealed(0, progress=2, seal_type="shamir"), stack=SHAMIR)))
    assert "with 2 of 3 shares given" in says
    assert "python -m components unseal" in fix


def test_sealed_pods_of_a_migration_are_unsealed_by_it() -> None:
    found = facts(sealed(0), stack={"migrate_from": "shamir"})
    assert "python -m components migrate-seal" in only(pods_section(found))[2]


def test_vault_that_nobody_has_initialised_is_not_initialised_blindly() -> None:
    section = pods_section(facts(*(sealed(ordinal, initialized=False) for ordinal in range(3))))
    assert [line.says for line in wrong(section)] == ["it isn't initialised"] * 3
    assert "if it was, its volume is lost" in wrong(section)[0].fix


def test_cluster_out_of_reach_is_not_known_to_be_ill() -> None:
    pods = [replace(missing(ordinal), problem="not asked") for ordinal in range(3)]
    page = page_of(facts(*pods, unreachable="connection refused", release=None))
    assert page.exit_code == 2
    assert "Kubernetes can't be asked: connection refused" in page.to_text()


def test_vault_that_answers_at_its_address_is_told_though_kubernetes_is_out_of_reach() -> None:
    pods = [replace(pod(ordinal), server=missing(ordinal).server) for ordinal in range(3)]
    section = pods_section(facts(*pods, unreachable="connection refused", release=None))
    assert [line.state for line in section.lines] == [State.UNKNOWN, *[State.FINE] * 3]


def test_release_that_is_gone() -> None:
    section = pods_section(facts(*(missing(ordinal) for ordinal in range(3)), release=None))
    first = wrong(section)[0]
    assert "there is no StatefulSet vault" in first.says
    assert "with release: false install the chart" in first.fix


def test_other_number_of_replicas() -> None:
    found = facts()
    assert found.release is not None
    _, says, fix = only(pods_section(replace(found, release=replace(found.release, replicas=1))))
    assert "the StatefulSet has 1 replica, and at the last update the stack had 3" in says
    assert "scale statefulset/vault --replicas=3" in fix


def test_versions_side_by_side() -> None:
    found = facts(pod(0), pod(1), pod(2, status={"version": "1.21.2"}))
    says = only(versions_section(found))[1]
    assert says == "Vault 1.20.4 on vault-0, vault-1 and Vault 1.21.2 on vault-2"
    assert versions_section(facts(missing(0))).state is State.UNKNOWN


def test_seal_of_the_pods() -> None:
    assert (
        "pods that start need key shares"
        in seal_section(facts(pod(0, status={"seal_type": "shamir"}), stack=SHAMIR)).lines[0].says
    )
    assert "vault-1 shamir" in only(seal_section(facts(pod(0), pod(1, status={"seal_type": "shamir"}))))[1]
    migrating = facts(pod(0, status={"seal_type": "shamir"}), stack={"migrate_from": "shamir"})
    assert "migrate-seal" in only(seal_section(migrating))[2]
    assert seal_section(facts(missing(0))).state is State.UNKNOWN


def behind(entries: int) -> Leader:
    return Leader(True, False, "http://vault-0:8200", 5000, 5000 - entries)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (facts(pod(1), pod(2)), "no pod leads"),
        (facts(pod(0), pod(1, leader=pod(0).leader)), "vault-0, vault-1 lead at the same time"),
        (facts(pod(0), pod(1, status={"cluster_id": "d"})), "there are two clusters: "),
        (facts(sealed(0), sealed(1)), "no pod says who leads"),
        (
            facts(pod(0, leader=replace(behind(0), is_self=True)), pod(1, leader=behind(1001))),
            "are behind: vault-1 by 1001",
        ),
    ],
)
def test_pods_that_are_not_one_cluster(found: Facts, said: str) -> None:
    assert said in only(voters_section(found))[1]


def test_pod_that_does_not_follow_is_not_counted() -> None:
    section = voters_section(facts(pod(0), pod(1), sealed(2)))
    assert section.lines[0].says == "vault-0 leads, 1 of 2 follow it closely"


def test_one_replica_leads_alone() -> None:
    assert voters_section(facts(pod(0), stack={"replicas": 1})).lines[0].says == "vault-0 leads, and is alone"


@pytest.mark.parametrize(
    ("last", "since"),
    [(datetime(2027, 3, 1, 11, 40, tzinfo=UTC), " since 2027-03-01 11:40 UTC:"), (None, ":")],
)
def test_key_that_refuses_a_running_vault(last: datetime | None, since: str) -> None:
    refused = pod(0, seal_health=SealHealth(healthy=False, last_healthy=last))
    about, says, fix = only(seal_section(facts(refused)))
    assert about == "vault-0"
    assert says == f"its key hasn't served Vault{since} a pod that starts now stays sealed"
    assert "restart no pod" in fix
    assert "logs vault-0" in fix
    serves = pod(0, seal_health=SealHealth(healthy=True))
    assert seal_section(facts(serves)).state is State.FINE


def test_stack_that_does_not_say_its_seal() -> None:
    section = seal_section(facts(stack={"seal_type": ""}))
    assert (section.state, section.lines[0].says) == (State.FINE, "awskms: pods unseal themselves")


def test_single_server_has_no_voters() -> None:
    assert "without raft" in voters_section(facts(pod(0), stack={"mode": "standalone"})).lines[0].says


@pytest.mark.parametrize(
    ("peers", "about", "said"),
    [
        (RAFT.peers[:2], "vault-2", "no voter"),
        ((*RAFT.peers[:2], replace(RAFT.peers[2], voter=False)), "vault-2", "no voter"),
        ((*RAFT.peers, replace(RAFT.peers[2], node_id="vault-3")), "vault-3", "raft counts it still"),
        ((*RAFT.peers[:2], replace(RAFT.peers[2], healthy=False)), "vault-2", "autopilot finds it unhealthy"),
    ],
)
def test_voters_that_a_token_shows(peers: tuple[RaftPeer, ...], about: str, said: str) -> None:
    token = TokenAnswers(RaftState(peers, healthy=False), ())
    found = only(voters_section(facts(token=token)))
    assert found[0] == about
    assert said in found[1]


def test_voters_that_a_token_does_not_show() -> None:
    section = voters_section(facts(token=TokenAnswers(problem="permission denied")))
    assert section.state is State.UNKNOWN
    assert "permission denied" in section.lines[-1].says


def test_voters_that_are_all_there() -> None:
    section = voters_section(facts(token=TokenAnswers(RAFT)))
    assert section.state is State.FINE
    assert section.lines[-1].says == "3 voters: vault-0, vault-1, vault-2"


def test_keys() -> None:
    adopted = custody_section(facts(stack={"keys_location": ""}))
    assert (adopted.state, "doesn't have its recovery shares" in adopted.lines[0].says) == (State.NOTE, True)
    stored = custody_section(facts(stack={"keys_location": "arn:aws:1", "keys_version": "v1", **SHAMIR}))
    assert stored.lines[0].says == "key shares in arn:aws:1 (version v1); 3 of them are needed"
    gone = custody_section(facts(token=TokenAnswers(record_problem="arn:aws:1 doesn't have them")))
    assert "don't delete anything" in only(gone)[2]


@pytest.mark.parametrize(
    ("token", "state", "said"),
    [
        (None, State.NOTE, "not known without a token (--with-token)"),
        (TokenAnswers(problem="permission denied"), State.UNKNOWN, "permission denied"),
        (TokenAnswers(audit=()), State.NOTE, "no audit device"),
        (TokenAnswers(audit=("file/", "stdout/")), State.FINE, "devices file/, stdout/"),
    ],
)
def test_audit(token: TokenAnswers | None, state: State, said: str) -> None:
    section = audit_section(facts(token=token))
    assert section.state is state
    assert said in section.lines[0].says


def test_audit_devices_of_the_stack() -> None:
    enabled = {"audit_devices": ["file", "stdout"]}
    without_token = audit_section(facts(stack=enabled))
    assert without_token.state is State.NOTE
    assert without_token.lines[0].says.endswith("; file, stdout at the last verification by pulumi up")
    there = audit_section(facts(stack=enabled, token=TokenAnswers(audit=("file/", "stdout/"))))
    assert there.state is State.FINE
    gone = audit_section(facts(stack=enabled, token=TokenAnswers(audit=("stdout/",))))
    assert (gone.state, gone.lines[0].says.partition(" ")[0]) == (State.ATTENTION, "file")
    assert "--refresh" in gone.lines[0].fix


def test_what_is_not_audited_is_told_without_a_token() -> None:
    section = audit_section(facts(stack={"audit_problem": "nothing is audited to file"}))
    assert (section.state, section.lines[0].says) == (State.ATTENTION, "nothing is audited to file")


def test_outdated_pods_say_in_what() -> None:
    old = replace(pod(2), server=replace(server(2, outdated=True), origin=OLD))
    about, says, fix = only(outdated_section(facts(pod(0), pod(1), old)))
    assert about == "vault-2"
    assert says == "image 1.18.1 -> 1.20.4, Vault's configuration"
    assert "run pulumi up, which replaces them one by one" in fix


def test_outdated_pods_by_another_setting_or_chart() -> None:
    same = replace(pod(1), server=replace(server(1, outdated=True), origin=WANTED))
    chart = replace(
        pod(2), server=replace(server(2, outdated=True), origin=replace(WANTED, chart="vault-0.28.1"))
    )
    section = outdated_section(facts(pod(0), same, chart))
    said = [(line.about, line.says) for line in wrong(section)]
    assert said == [("vault-1", "other settings of the pods"), ("vault-2", "chart 0.28.1 -> 0.29.1")]


def test_outdated_pods_of_a_migration_are_left_to_it() -> None:
    old = replace(pod(2), server=replace(server(2, outdated=True), origin=OLD))
    assert "migrate-seal" in only(outdated_section(facts(old, stack={"migrate_from": "shamir"})))[2]


def test_what_is_not_known_to_be_outdated() -> None:
    assert outdated_section(facts(release=None)).state is State.UNKNOWN
    found = facts()
    assert found.release is not None
    unsettled = replace(
        found, release=replace(found.release, unsettled="Kubernetes hasn't taken it over yet")
    )
    section = outdated_section(unsettled)
    assert section.state is State.UNKNOWN
    assert "ask again in a moment" in section.lines[0].says
