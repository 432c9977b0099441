"""Brings real Vault servers into each fault, and records their metrics before, meanwhile and afterwards."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from components.errors import RetryableError
from components.seals import awskms
from components.settings import ListenerSettings
from components.vault.client import VaultClient
from tests.built_tools import built_vault
from tests.integration.key_service import REGION, KeyService, run_key_service
from tests.integration.vault_servers import VaultServer, VaultServers, vault_servers, wait_until
from tests.recordings.recording import Moment, Recording, shortened

SCRAPE_SECONDS = 10.0
"""How long a server has to answer, as Prometheus has it by default."""
GAUGE_SECONDS = 3
"""Vault sets its gauges each second."""
RETENTION_SECONDS = 5 * 60
AUTOPILOT_SECONDS = 20
"""Autopilot finds a voter unhealthy that has been silent for 10 s."""
HEALTH_TEST_SECONDS = 10 * 60
"""How often Vault tests a healthy seal (vault/seal/seal_wrapper.go)."""


@dataclass
class Recorder:
    """Takes the moments of one fault on three voters with a seal in a key service."""

    version: str
    servers: VaultServers
    kms: KeyService
    token: str
    moments: list[Moment] = field(default_factory=list)
    _devices: set[str] = field(default_factory=set)
    _began: float = field(default_factory=time.monotonic)

    def take(self, phase: str, times: int = 1) -> None:
        """Record all servers, ``times`` times, after they have had time to set their gauges."""
        for _ in range(times):
            time.sleep(GAUGE_SECONDS)
            seconds = round(time.monotonic() - self._began)
            texts = {server.name: scrape(server) for server in self.servers.servers}
            self.moments.append(Moment(phase, seconds, texts))

    def client(self, server: VaultServer) -> Any:
        """A client with the root token."""
        return server.client(self.token)

    @property
    def leader(self) -> VaultServer:
        """The active server, which is waited for: on a busy machine any voter may lose the others' ear."""
        wait_until("one leads", 60, lambda: any(map(answers_as_active, self.servers.servers)))
        return next(server for server in self.servers.servers if answers_as_active(server))

    @property
    def standby(self) -> VaultServer:
        """A server that isn't active."""
        leader = self.leader
        return next(server for server in self.servers.servers if server is not leader)

    def await_health(self) -> None:
        """Wait until the leader finds all voters healthy."""
        wait_until(
            "three healthy voters",
            120,
            lambda: healthy_voters(VaultClient(self.leader.address, self.token)) == len(self.servers.servers),
        )

    def write(self, count: int = 20) -> None:
        """Write secrets, as an application would."""
        client = self.client(self.leader)
        for number in range(count):
            client.write(f"cubbyhole/{number}", value="x")

    def log_to(self, device: str, path: Path | None = None) -> None:
        """Have Vault log to a file through a link; without a path to one on this machine."""
        link = self.servers.folder / f"{device}.log"
        link.unlink(missing_ok=True)
        if path is None:
            path = self.servers.folder / f"{device}.audit"
            path.touch()
        link.symlink_to(path)
        if device in self._devices:
            for server in self.servers.servers:
                server.hang_up()
            return
        self._devices.add(device)
        # With that mode Vault leaves the file's own as it is.
        options = {"file_path": str(link), "mode": "0000"}
        self.client(self.leader).sys.enable_audit_device("file", path=device, options=options)


def scrape(server: VaultServer) -> str | None:
    """Return the metrics as Prometheus reads them; None if the server doesn't answer."""
    try:
        answer = requests.get(
            f"{server.address}/v1/sys/metrics", params={"format": "prometheus"}, timeout=SCRAPE_SECONDS
        )
    except requests.RequestException:
        return None
    return shortened(answer.text) if answer.ok else None


def answers_as_active(server: VaultServer) -> bool:
    """Whether the server is active; not if it doesn't answer."""
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{server.address}/v1/sys/health", timeout=SCRAPE_SECONDS).status_code == 200
    return False


def healthy(recorder: Recorder) -> None:
    """Requests are served, and logged to a file."""
    recorder.take("before", 2)


def sealed(recorder: Recorder) -> None:
    """A standby restarts while the key's service refuses it, stays sealed, and unseals once it doesn't."""
    recorder.take("before")
    recorder.kms.denied.update({"Encrypt", "Decrypt"})
    standby = recorder.standby
    standby.stop()
    standby.start()
    time.sleep(AUTOPILOT_SECONDS)
    recorder.take("fault", 2)
    recorder.kms.denied.clear()
    wait_until("the standby is unsealed", 60, lambda: standby.client().sys.is_sealed() is False)
    recorder.await_health()
    recorder.take("after", 2)


def sealed_for_long(recorder: Recorder) -> None:
    """The same, until the gauges that a sealed server doesn't set any more are gone."""
    recorder.take("before")
    recorder.kms.denied.update({"Encrypt", "Decrypt"})
    standby = recorder.standby
    standby.stop()
    standby.start()
    recorder.take("fault", 2)
    time.sleep(RETENTION_SECONDS)
    recorder.take("fault", 2)


def leader_killed(recorder: Recorder) -> None:
    """The leader's process is killed, another one leads, and it comes back as a standby."""
    recorder.take("before")
    leader = recorder.leader
    leader.stop(kill=True)
    wait_until("another one leads", 60, lambda: any(map(answers_as_active, recorder.servers.servers)))
    time.sleep(AUTOPILOT_SECONDS)
    recorder.take("fault", 2)
    leader.start()
    wait_until("it is back", 60, lambda: leader.client().sys.is_sealed() is False)
    recorder.await_health()
    recorder.take("after", 2)


def no_leader(recorder: Recorder) -> None:
    """Two of three servers are killed, so that none can lead, and come back."""
    recorder.take("before")
    standby = recorder.standby
    lost = [server for server in recorder.servers.servers if server is not standby]
    for server in lost:
        server.stop(kill=True)
    time.sleep(10)
    recorder.take("fault", 2)
    for server in lost:
        server.start()
    wait_until("one leads", 60, lambda: any(map(answers_as_active, recorder.servers.servers)))
    recorder.await_health()
    recorder.take("after", 2)


def node_lost(recorder: Recorder) -> None:
    """A standby is killed, as if its node were lost, until autopilot says so; and comes back."""
    recorder.take("before")
    standby = recorder.standby
    standby.stop(kill=True)
    time.sleep(AUTOPILOT_SECONDS)
    recorder.take("fault", 2)
    standby.start()
    wait_until("it is back", 60, lambda: standby.client().sys.is_sealed() is False)
    recorder.await_health()
    recorder.take("after", 2)


def leader_frozen(recorder: Recorder) -> None:
    """The leader's process is stopped, which leaves its listener open; another one leads; it goes on."""
    recorder.take("before")
    leader = recorder.leader
    others = [server for server in recorder.servers.servers if server is not leader]
    with leader.frozen():
        wait_until(
            "another one leads",
            60,
            lambda: any(map(answers_as_active, others)),
        )
        time.sleep(AUTOPILOT_SECONDS)
        recorder.take("fault", 2)
    recorder.await_health()
    recorder.take("after", 2)


def audit_full(recorder: Recorder) -> None:
    """The volume of the only audit device is full: every write to it ends in ENOSPC. It is emptied again."""
    recorder.take("before")
    recorder.log_to("file", Path("/dev/full"))
    # Vault opens the file anew in its own time.
    wait_until("requests are refused", 30, lambda: lookup_status(recorder) == 500)
    assert lookup_status(recorder) == 500
    recorder.take("fault", 2)
    recorder.log_to("file")
    wait_until("requests are served", 30, lambda: lookup_status(recorder) == 200)
    recorder.write()
    recorder.take("after", 2)


def audit_device_full(recorder: Recorder) -> None:
    """One of two audit devices is on a full volume: requests are served, and logged to the other one."""
    recorder.log_to("other")
    recorder.write()
    recorder.take("before")
    recorder.log_to("file", Path("/dev/full"))
    leader = recorder.leader

    def has_failed() -> bool:
        assert lookup_status(recorder) == 200
        return "vault_audit_sink_failure" in (scrape(leader) or "")

    wait_until("the device fails", 30, has_failed)
    recorder.take("fault", 2)
    recorder.log_to("file")
    recorder.write()
    recorder.take("after", 2)


def lookup_status(recorder: Recorder) -> int:
    """How the leader answers a request that it has to log."""
    return requests.get(
        f"{recorder.leader.address}/v1/auth/token/lookup-self",
        headers={"X-Vault-Token": recorder.token},
        timeout=SCRAPE_SECONDS,
    ).status_code


def key_refused(recorder: Recorder) -> None:
    """The key's service refuses a running Vault, which notices at its next test of the seal; and stops it."""
    recorder.take("before")
    recorder.kms.denied.update({"Encrypt", "Decrypt"})
    wait_until(
        "the seal's test fails",
        HEALTH_TEST_SECONDS + 90,
        slowly(lambda: unreachable_seconds(recorder.leader) > 0),
    )
    recorder.take("fault", 2)
    recorder.kms.denied.clear()
    wait_until("the seal's test succeeds", 150, slowly(lambda: unreachable_seconds(recorder.leader) == 0))
    recorder.take("after", 2)


def slowly(condition: Callable[[], bool]) -> Callable[[], bool]:
    """A condition that is looked at every five seconds."""

    def after_a_pause() -> bool:
        time.sleep(5)
        return condition()

    return after_a_pause


def unreachable_seconds(server: VaultServer) -> float:
    """For how long the seal's key was unreachable at the last test; 0 before there was any."""
    text = scrape(server)
    assert text is not None
    for line in text.splitlines():
        if line.startswith("vault_seal_unreachable_time{") and "seal_wrapper_name" not in line:
            return float(line.split()[-1]) / 1000
    return 0


def course(recorder: Recorder) -> None:
    """Requests are served throughout, while the leader is killed and comes back."""
    for phase in ("before", "fault", "after"):
        if phase == "fault":
            killed = recorder.leader
            killed.stop(kill=True)
        if phase == "after":
            killed.start()
        for _ in range(8):
            if any(map(answers_as_active, recorder.servers.servers)):
                recorder.write(60)
            recorder.take(phase)


FAULTS: Mapping[str, Callable[[Recorder], None]] = {
    "healthy": healthy,
    "sealed": sealed,
    "sealed-for-long": sealed_for_long,
    "leader-killed": leader_killed,
    "no-leader": no_leader,
    "node-lost": node_lost,
    "leader-frozen": leader_frozen,
    "audit-full": audit_full,
    "audit-device-full": audit_device_full,
    "key-refused": key_refused,
    "course": course,
}
LASTING = ("sealed-for-long", "key-refused")
"""Those that take minutes, for which Vault's own times are the reason."""


@contextlib.contextmanager
def prepared(version: str, folder: Path) -> Iterator[Recorder]:
    """Three healthy voters that have served requests, and log them to a file."""
    with (
        run_key_service() as kms,
        vault_servers(
            built_vault(version),
            folder,
            replicas=3,
            seal=awskms.stanza(REGION, kms.key_id),
            environment=kms.environment,
            listener=ListenerSettings(unauthenticated_metrics=True),
            telemetry=True,
        ) as servers,
    ):
        answer = VaultClient(servers[0].address).initialize(shares=1, threshold=1, recovery=True)
        root = VaultClient(servers[0].address, answer.root_token)
        wait_until("three healthy voters", 90, lambda: healthy_voters(root) == 3)
        recorder = Recorder(version, servers, kms, answer.root_token)
        recorder.log_to("file")
        recorder.write()
        yield recorder


def healthy_voters(client: VaultClient) -> int:
    """How many voters the leader finds healthy."""
    with contextlib.suppress(RetryableError):
        state = client.raft_state()
        return sum(peer.voter for peer in state.peers) if state.healthy else 0
    return 0


def record(version: str, fault: str, folder: Path) -> Recording:
    """Bring servers into a fault, and return what was recorded."""
    with prepared(version, folder) as recorder:
        FAULTS[fault](recorder)
        return Recording(version, fault, recorder.moments)
