"""Audit devices of three real Vault servers: enabled, proved, lost, filled up, taken away and left alone."""

import contextlib
import gzip
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from components.audit_devices import AuditDevicesProvider
from components.errors import DeploymentError
from components.operator_init import OperatorInitProvider
from components.seals import awskms
from components.vault import audit_setup
from components.vault.audit_devices import LOG_FILE
from components.vault.client import VaultClient, VaultRefusedError, VaultUnavailableError
from tests.built_tools import on_each_vault
from tests.integration.audited_vault import (
    Volume,
    entries,
    leader,
    limited_volume,
    log_file,
    rotating,
    with_audit_volumes,
)
from tests.integration.key_service import REGION, run_key_service
from tests.integration.program_inputs import init_inputs, quorum_inputs
from tests.integration.vault_servers import ACCESS, VaultServers, vault_servers, wait_until
from tests.unit.docs.documents import text

pytestmark = on_each_vault

BOTH = ["file", "stdout"]


@dataclass(frozen=True)
class Audited:
    """The servers and their root token; the volume of each holds a megabyte."""

    servers: VaultServers
    volumes: Mapping[str, Volume]
    root_token: str

    @property
    def client(self) -> VaultClient:
        """A client of the leader, with the root token."""
        return VaultClient(leader(self.servers).address, self.root_token)

    def inputs(self, **changed: Any) -> dict[str, Any]:
        quorum = quorum_inputs(self.root_token)
        own = {name: quorum[name] for name in ("access", "deployment", "custody", "replicas")}
        return {
            **own,
            "devices": BOTH,
            "token": "",
            "root_token": self.root_token,
            "root_token_stays": True,
            "release_revision": 1,
            "running": "1",
            **changed,
        }

    def devices(self) -> Mapping[str, Mapping[str, Any]]:
        """Vault's audit devices, as it lists them."""
        devices: Mapping[str, Mapping[str, Any]] = self.client.request("GET", "sys/audit")["data"]
        return devices

    def disable_all(self) -> None:
        for path in self.devices():
            self.client.request("DELETE", f"sys/audit/{path.rstrip('/')}")

    def enable(self, path: str, **options: str) -> None:
        self.client.request("PUT", f"sys/audit/{path}", {"type": "file", "options": options})

    def volume(self) -> Volume:
        """The leader's."""
        return self.volumes[leader(self.servers).name]


@pytest.fixture(scope="module")
def started(vault_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    folder = tmp_path_factory.mktemp("audited")
    with run_key_service() as kms, ExitStack() as stack, pytest.MonkeyPatch.context() as monkeypatch:
        names = [ACCESS.pod(ordinal) for ordinal in range(3)]
        volumes = {name: stack.enter_context(limited_volume(folder / name / "audit", "1m")) for name in names}
        servers = stack.enter_context(
            vault_servers(
                with_audit_volumes(vault_program, folder),
                folder,
                replicas=3,
                seal=awskms.stanza(REGION, kms.key_id),
                environment=kms.environment,
            )
        )
        monkeypatch.setenv("PATH", str(servers.commands), prepend=":")
        monkeypatch.setenv("PULUMI_HOME", str(tmp_path_factory.mktemp("home")))
        outputs = OperatorInitProvider().create(init_inputs(shares=1, threshold=1)).outs
        assert outputs is not None
        wait_until("one leads", 30, lambda: any(server.is_active() for server in servers.servers))
        yield Audited(servers, volumes, outputs["root_token"])


@pytest.fixture
def vault(started: Audited) -> Iterator[Audited]:
    """The servers without any audit device, and room on their volumes."""
    yield started
    for volume in started.volumes.values():
        (volume.folder / "filler").unlink(missing_ok=True)
    started.disable_all()
    for volume in started.volumes.values():
        for file in volume.folder.iterdir():
            # A Vault that hasn't closed it yet would keep the room of a deleted one.
            file.write_bytes(b"")


def up(vault: Audited, olds: Mapping[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    """What `pulumi up` does with the resource: creates it, or updates it from ``olds``."""
    provider = AuditDevicesProvider()
    inputs = vault.inputs(**changed)
    result = provider.create(inputs) if olds is None else provider.update("id", dict(olds), inputs)
    assert result.outs is not None
    return result.outs


def drifted(vault: Audited, olds: Mapping[str, Any], **changed: Any) -> bool:
    """Whether a preview shows an update."""
    return bool(AuditDevicesProvider().diff("id", dict(olds), vault.inputs(**changed)).changes)


def test_both_are_enabled_and_an_entry_is_in_each(vault: Audited, capfd: pytest.CaptureFixture[str]) -> None:
    outputs = up(vault)
    assert (outputs["enabled"], outputs["problem"]) == (BOTH, "")
    assert {path: device["options"]["file_path"] for path, device in vault.devices().items()} == {
        "file/": LOG_FILE,
        "stdout/": "stdout",
    }
    active = leader(vault.servers)
    assert log_file(active).stat().st_mode & 0o777 == 0o600
    vault.client.request("POST", "sys/mounts/kv", {"type": "kv"})
    vault.client.request("POST", "kv/shop", {"password": "correct horse"})
    written, logged = log_file(active).read_text(), active.log.read_text()
    for log in (written, logged):
        paths = [entry["request"].get("path", "") for entry in entries(log)]
        assert "kv/shop" in paths
        assert any(path.startswith("vault-autounseal-audit-probe/") for path in paths)
        assert "correct horse" not in log
        assert vault.root_token not in log
    vault.client.request("DELETE", "sys/mounts/kv")
    said = "".join(capfd.readouterr())
    assert f"audit device file is enabled: it writes to {LOG_FILE}" in said
    assert '"request"' not in said
    assert not drifted(vault, outputs)


def test_quoted_log_has_no_entries(vault: Audited) -> None:
    up(vault)
    active = leader(vault.servers)
    tail = ACCESS.kubectl.log_tail(active.name)
    assert entries(active.log.read_text())[-1]["type"] in ("request", "response")
    assert entries(tail) == []
    assert tail


def test_probe_is_in_two_entries_with_a_token_or_without(vault: Audited) -> None:
    up(vault)
    for root_token in (vault.root_token, "hvs.revoked"):
        already = len(probes(vault))
        up(vault, root_token=root_token)
        types = [entry["type"] for entry in probes(vault)[already:]]
        assert types == ["request", "response"]


def probes(vault: Audited) -> list[Mapping[str, Any]]:
    """The entries of the requests that the program makes for their entries."""
    written = entries(log_file(leader(vault.servers)).read_text())
    return [entry for entry in written if "vault-autounseal-audit-probe/" in entry["request"].get("path", "")]


def test_second_update_enables_nothing_again(vault: Audited) -> None:
    outputs = up(vault)
    before = vault.devices()
    assert up(vault, outputs, release_revision=2)["enabled"] == BOTH
    assert vault.devices() == before


def test_interrupted_run_is_gone_on_with(vault: Audited) -> None:
    up(vault, devices=["file"])
    assert up(vault)["enabled"] == BOTH
    assert set(vault.devices()) == {"file/", "stdout/"}


def test_device_that_somebody_disabled_is_seen_and_enabled_again(
    vault: Audited, capfd: pytest.CaptureFixture[str]
) -> None:
    outputs = up(vault)
    vault.client.request("DELETE", "sys/audit/stdout")
    assert drifted(vault, outputs)
    assert "audit device stdout isn't as this stack has enabled it any more" in capfd.readouterr().err
    refreshed = AuditDevicesProvider().read("id", outputs).outs
    assert refreshed is not None
    assert refreshed["enabled"] == ["file"]
    assert up(vault, refreshed)["enabled"] == BOTH
    assert set(vault.devices()) == {"file/", "stdout/"}


def test_device_that_shows_secrets_is_neither_taken_over_nor_disabled(vault: Audited) -> None:
    outputs = up(vault)
    vault.client.request("DELETE", "sys/audit/file")
    vault.enable("file", file_path=LOG_FILE, log_raw="true")
    assert drifted(vault, outputs)
    with pytest.raises(
        DeploymentError, match=r"(?s)file writes to .*log_raw is true.*vault audit disable file"
    ):
        up(vault, outputs)
    assert set(vault.devices()) == {"file/", "stdout/"}


def test_devices_of_others_stay(vault: Audited, capfd: pytest.CaptureFixture[str]) -> None:
    vault.enable("file", file_path="/vault/audit/by-hand.log")
    vault.enable("console", file_path="stdout")
    assert up(vault)["enabled"] == BOTH
    assert set(vault.devices()) == {"file/", "console/", "vault-autounseal-file-1/"}
    assert "further audit devices, which stay as they are: file (/vault/audit/by-hand.log)" in (
        capfd.readouterr().err
    )


def test_removed_device_is_disabled_and_said(vault: Audited, capfd: pytest.CaptureFixture[str]) -> None:
    outputs = up(vault)
    assert drifted(vault, outputs, devices=["stdout"])
    assert "audit device file will be disabled" in capfd.readouterr().err
    assert up(vault, outputs, devices=["stdout"])["enabled"] == ["stdout"]
    assert set(vault.devices()) == {"stdout/"}


def test_token_with_the_documented_policy_is_enough(vault: Audited) -> None:
    policy = re.findall(r"<<'POLICY'\n(.*?)POLICY", text("docs/audit.md"), re.DOTALL)[0]
    vault.client.request("PUT", "sys/policies/acl/audit-keeper", {"policy": policy})
    created = vault.client.request("POST", "auth/token/create", {"policies": ["audit-keeper"]})
    token = created["auth"]["client_token"]
    outputs = up(vault, token=token, root_token="hvs.revoked")
    assert outputs["enabled"] == BOTH
    assert not drifted(vault, outputs, token=token, root_token="hvs.revoked")
    assert up(vault, outputs, token=token, root_token="", devices=["stdout"])["enabled"] == ["stdout"]


def test_without_a_token_nothing_fails_and_the_lack_is_told(vault: Audited) -> None:
    for root_token in ("", "hvs.revoked"):
        outputs = up(vault, root_token=root_token)
        assert outputs["enabled"] == []
        assert "nothing is audited to file and stdout, and there is no valid token" in outputs["problem"]
    assert vault.devices() == {}
    # A token arrives later.
    assert drifted(vault, outputs, token=vault.root_token)
    assert up(vault, outputs)["problem"] == ""


def test_without_a_token_an_entry_proves_the_devices_too(vault: Audited) -> None:
    outputs = up(vault)
    unproved = up(vault, outputs, root_token="hvs.revoked", release_revision=2)
    assert (unproved["enabled"], unproved["problem"]) == (BOTH, "")
    still = up(vault, unproved, root_token="hvs.revoked", devices=["stdout"])
    assert still["enabled"] == ["stdout", "file"]
    assert "file is still enabled" in still["problem"]


def test_full_volume_stops_nothing_and_is_told(vault: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = up(vault)
    vault.volume().fill()
    vault.client.request("GET", "sys/mounts")
    monkeypatch.setattr(audit_setup, "_SECONDS", 1)
    with pytest.raises(DeploymentError, match=r"no entry of vault-\d arrives at file, .*df -h /vault/audit"):
        up(vault, outputs, release_revision=2)
    vault.volume().make_room()
    assert up(vault, outputs, release_revision=2)["enabled"] == BOTH


def test_full_volume_before_the_devices(vault: Audited) -> None:
    vault.volume().fill()
    with pytest.raises(DeploymentError, match=r"doesn't enable these audit devices: file: .*no space left"):
        up(vault)
    # What can be audited is, and Vault goes on.
    assert set(vault.devices()) == {"stdout/"}


def test_volume_that_takes_one_more_entry_stops_nothing(
    vault: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vault tries a device with an entry, which may be the last one that there is room for."""
    (vault.volume().folder / "audit.log").write_bytes(b"{}\n" * 1100)
    vault.volume().fill()
    monkeypatch.setattr(audit_setup, "_SECONDS", 1)
    with pytest.raises(DeploymentError, match=r"no entry of .* arrives at file|audit devices: file: "):
        up(vault)
    assert "stdout/" in vault.devices()


def test_full_volume_of_the_file_alone_stops_vault_and_room_heals_it(
    vault: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = up(vault, devices=["file"])
    vault.volume().fill()
    # A page may be left of the last block.
    with pytest.raises(VaultUnavailableError):
        for _ in range(50):
            vault.client.request("GET", "sys/mounts")
    assert requests.get(f"{leader(vault.servers).address}/v1/sys/health", timeout=10).status_code == 200
    monkeypatch.setattr(audit_setup, "_SECONDS", 1)
    with pytest.raises(DeploymentError, match="audit devices couldn't be verified: "):
        up(vault, outputs)
    vault.volume().make_room()
    assert up(vault, outputs)["enabled"] == BOTH


def test_restart_without_the_volume_and_with_an_empty_one(
    vault: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod whose volume is gone becomes active as long as there is another device."""
    outputs = up(vault)
    lost = [server.folder / "lost" for server in vault.servers.servers]
    restart(vault, [file.touch for file in lost])
    vault.client.request("GET", "sys/mounts")
    monkeypatch.setattr(audit_setup, "_SECONDS", 1)
    with pytest.raises(DeploymentError, match=r"no entry of vault-\d arrives at file"):
        up(vault, outputs, release_revision=2)
    monkeypatch.undo()
    logs = [log_file(server) for server in vault.servers.servers]
    restart(vault, [*(file.unlink for file in lost), *(partial(log.unlink, missing_ok=True) for log in logs)])
    assert up(vault, outputs, release_revision=2)["enabled"] == BOTH


def restart(vault: Audited, meanwhile: Sequence[Callable[[], None]]) -> None:
    """Restart every server, with something done while none runs."""
    vault.servers.kill()
    for change in meanwhile:
        change()
    vault.servers.start()
    wait_until("one leads again", 30, lambda: any(server.is_active() for server in vault.servers.servers))


def test_rotation_loses_no_entry(vault: Audited, tmp_path: Path) -> None:
    """The script of the chart's values, beside the leader and its volume, while Vault is written to."""
    up(vault)
    active = leader(vault.servers)
    written: list[str] = []
    with rotating(active, tmp_path, size=40_000) as rotated:
        deadline = time.monotonic() + 60
        while len({file.name.removesuffix(".gz") for file in rotated()}) < 4:
            assert time.monotonic() < deadline, "four rotations"
            path = f"sys/mounts/{uuid.uuid4()}"
            with contextlib.suppress(VaultRefusedError):
                vault.client.request("GET", path)
            written.append(path)
        wait_until("all are compressed", 10, lambda: all(file.suffix == ".gz" for file in rotated()))
        assert len(rotated()) >= 4
        older = [gzip.decompress(file.read_bytes()).decode() for file in rotated()]
        texts = [*older, log_file(active).read_text()]
    asked = [(entry["type"], entry["request"]["path"]) for text in texts for entry in entries(text)]
    counted = Counter(entry for entry in asked if entry[1] in set(written))
    assert counted == Counter((type_, path) for path in written for type_ in ("request", "response"))
