"""Vault as a new stack has it: servers, program, commands and agents speak TLS."""

import base64
import contextlib
import dataclasses
import json
import re
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import requests
import urllib3

from sandbox.layout import REPOSITORY
from tests.benchmarks.writes import WriteLoad, longest_gap
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.first_configuration import require_pod_reads_secret
from tests.end_to_end.running_vault import RunningVault, poll

GAP_SECONDS = 5
"""More than is measured alone, as other tests run at the same time."""


@pytest.fixture
def vault(awskms: Deployment, tmp_path: Path) -> RunningVault:
    """Its Vault, verified by the stack's output."""
    ca_file = tmp_path / "ca.crt"
    ca_file.write_text(awskms.outputs()["tls_ca"])
    return dataclasses.replace(awskms.vault, ca_file=ca_file)


def test_three_voters_that_speak_tls_only(awskms: Deployment, vault: RunningVault) -> None:
    vault.await_healthy_voters(awskms.outputs()["root_token"])
    assert vault.unsealed() == 3
    for address in vault.addresses():
        answer = requests.get(address.replace("https:", "http:"), timeout=10)
        assert answer.status_code == 400
        assert "HTTP request to an HTTPS server" in answer.text
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(address, timeout=10)


def test_second_update_changes_nothing(awskms: Deployment) -> None:
    result = awskms.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def test_leader_is_known_by_a_name_of_the_certificate(vault: RunningVault) -> None:
    answer = vault.read("sys/leader", "")
    assert answer is not None
    headless = f"{vault.statefulset}-internal.{vault.namespace}.svc:8200"
    assert answer["leader_address"].startswith("https://vault-")
    assert answer["leader_address"].endswith(f".{headless}")


def test_command_in_a_pod_verifies_its_server(awskms: Deployment) -> None:
    said = awskms.cluster.kubectl(
        "exec", "vault-0", awskms.in_namespace, "--container=vault", "--", "vault", "status"
    )
    assert "Sealed" in said


def test_command_of_the_program_works_over_tls(awskms: Deployment, vault: RunningVault) -> None:
    result = awskms.run_command("generate-root")
    assert vault.read("auth/token/lookup-self", result.stdout.strip()) is not None


def test_injected_pod_reads_a_secret_by_the_example_of_a_first_configuration(
    awskms: Deployment, vault: RunningVault, tmp_path: Path
) -> None:
    """The tunnel of the program's command verifies Vault, and so does the pod's agent."""
    require_pod_reads_secret(awskms, vault, tmp_path, {})


def shown(page: str) -> str:
    """A page of the command `status` without what differs from run to run: times, and who leads."""
    for pattern, instead in (
        (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME"),
        (r"for \d+ days more", "for DAYS more"),
        (r"(vault-\d  )(?:leads|stands by)", r"\1ROLE"),
        (r"vault-\d leads", "POD leads"),
    ):
        page = re.sub(pattern, instead, page)
    return page.strip()


def test_status_is_as_readme_shows_it(awskms: Deployment) -> None:
    result = awskms.run_command("status")
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (page,) = re.findall(r"```\n(Vault vault/vault at .*?)```", readme, re.DOTALL)
    assert shown(result.stdout) == shown(page), result.stdout
    assert len(re.findall("  leads, ", result.stdout)) == 1


def test_pod_that_lost_its_volume_joins_again(awskms: Deployment, vault: RunningVault) -> None:
    token = awskms.outputs()["root_token"]
    claim = "data-vault-2"
    before = awskms.cluster.get("pvc", claim, awskms.in_namespace)["metadata"]["uid"]
    awskms.cluster.kubectl("delete", "pvc", claim, awskms.in_namespace, "--wait=false")
    awskms.cluster.kubectl("delete", "pod", "vault-2", awskms.in_namespace, "--wait=true")

    def joined() -> bool:
        found = awskms.cluster.run(
            "get", "pvc", claim, awskms.in_namespace, "--output=jsonpath={.metadata.uid}"
        )
        return found.stdout not in ("", before) and vault.unsealed() == 3

    poll("vault-2 has a new volume and is unsealed", 120, joined)
    vault.await_healthy_voters(token)


def served(vault: RunningVault) -> set[str]:
    """The certificates (PEM) that the pods serve, unverified."""
    addresses = [str(pod["status"]["podIP"]) for pod in vault.pods()]
    return {ssl.get_server_certificate((address, 8200), timeout=10) for address in addresses}


def in_secret(awskms: Deployment) -> str:
    """The certificate (PEM) in the Secret."""
    secret = awskms.cluster.get("secret", f"{awskms.name}-server-tls", awskms.in_namespace)
    return base64.b64decode(secret["data"]["tls.crt"]).decode()


def put(awskms: Deployment, certificate: str) -> None:
    """Put another certificate into the Secret, and leave the key."""
    patch = {"data": {"tls.crt": base64.b64encode(certificate.encode()).decode()}}
    name = f"{awskms.name}-server-tls"
    awskms.cluster.kubectl("patch", "secret", name, awskms.in_namespace, f"--patch={json.dumps(patch)}")


def running(vault: RunningVault) -> Sequence[tuple[str, int]]:
    """Uid and number of restarts of each pod."""
    return [
        (str(pod["metadata"]["uid"]), int(pod["status"]["containerStatuses"][0]["restartCount"]))
        for pod in vault.pods()
    ]


def reloads(awskms: Deployment) -> int:
    """How often the pods were told to read their certificate again."""
    logs = [awskms.cluster.kubectl("logs", f"vault-{ordinal}", awskms.in_namespace) for ordinal in range(3)]
    return sum(log.count("Vault reads its certificate again") for log in logs)


def test_broken_renewal_leaves_the_old_certificate_served(awskms: Deployment, vault: RunningVault) -> None:
    before, pods, told = in_secret(awskms), running(vault), reloads(awskms)
    put(awskms, awskms.outputs()["tls_ca"])
    poll("all pods were told", 120, lambda: reloads(awskms) == told + 3)
    assert served(vault) == {before}
    awskms.stack.pulumi("up", "--yes", "--skip-preview", "--refresh", quiet=True)
    poll("all pods serve another one", 120, lambda: served(vault) == {in_secret(awskms)})
    assert in_secret(awskms) != before
    assert running(vault) == pods


def test_running_cluster_moves_to_http_and_back_by_one_update_each(
    awskms: Deployment, vault: RunningVault, tmp_path: Path
) -> None:
    """Clients that try both schemes miss no more than a change of the leader.

    They take any certificate, as the way back has a new authority.
    """
    awskms.deployed = None
    token = awskms.outputs()["root_token"]
    service = awskms.cluster.get("service", f"{awskms.name}-active", awskms.in_namespace)
    address = f"{service['spec']['clusterIP']}:8200"

    clients = urllib3.PoolManager(maxsize=64, cert_reqs="CERT_NONE", timeout=2, retries=False)

    def write() -> bool:
        for scheme in ("https", "http"):
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                answer = clients.request(
                    "POST",
                    f"{scheme}://{address}/v1/cubbyhole/moved",
                    headers={"X-Vault-Token": token},
                    json={"by": scheme},
                )
                if answer.status < 300:
                    return True
        return False

    for settings, scheme in (({"source": "none"}, "http:"), ({"source": "own"}, "https:")):
        awskms.configure({"tls": settings})
        with WriteLoad(write) as load:
            time.sleep(1)
            began = time.monotonic()
            awskms.up()
            time.sleep(3)
            writes = load.writes()
        assert writes[-1].succeeded
        assert longest_gap(writes, began).seconds < GAP_SECONDS
        environments = [pod["spec"]["containers"][0]["env"] for pod in vault.pods()]
        spoken = [entry["value"] for env in environments for entry in env if entry["name"] == "VAULT_ADDR"]
        assert [address.startswith(scheme) for address in spoken] == [True] * 3
    # A stack that has TLS keeps it, whether or not its settings say so.
    awskms.configure({})
    awskms.deployed = {}
    outputs = awskms.outputs()
    ca_file = tmp_path / "new-ca.crt"
    ca_file.write_text(outputs["tls_ca"])
    dataclasses.replace(vault, ca_file=ca_file).await_healthy_voters(outputs["root_token"])


def test_renewed_certificate_is_served_without_a_restart(awskms: Deployment, vault: RunningVault) -> None:
    before, pods = in_secret(awskms), running(vault)
    leader = (vault.read("sys/leader", "") or {})["leader_address"]
    assert served(vault) == {before}
    # The last test of those that share the stack, as another one would have it deployed anew.
    settings = {"tls": {"source": "own", "extraNames": ["vault.example.com"]}}
    awskms.configure(settings)
    awskms.up()
    awskms.deployed = settings
    assert in_secret(awskms) != before
    poll("all pods serve the new certificate", 120, lambda: served(vault) == {in_secret(awskms)})
    assert running(vault) == pods
    assert (vault.read("sys/leader", "") or {})["leader_address"] == leader
