"""What is missing, what is asked of apt-get, and that no service starts of itself."""

import io
import os
from pathlib import Path

import pytest

from sandbox.build import debian_packages
from sandbox.build.debian_packages import (
    REQUIRED_PACKAGES,
    DebianPackagesError,
    ensure_debian_packages,
    missing_packages,
    services_held_back,
)
from sandbox.progress import Progress

COMPLETE = "".join(f"installed {package} \n" for package in REQUIRED_PACKAGES)


def test_nothing_is_missing_when_all_are_installed() -> None:
    assert missing_packages(COMPLETE) == []


def test_only_what_is_fully_installed_counts() -> None:
    listing = COMPLETE.replace("installed etcd-server", "config-files etcd-server").replace(
        "installed runc", "half-configured runc"
    )

    assert missing_packages(listing) == ["etcd-server", "runc"]


def test_a_package_that_provides_another_counts_as_that_one() -> None:
    listing = COMPLETE.replace("installed containerd \n", "").replace("installed runc \n", "")

    assert missing_packages(listing) == ["containerd", "runc"]
    assert missing_packages(listing + "installed containerd.io containerd (= 1.7), runc\n") == []


class Debian:
    """A PATH with pretended dpkg-query, apt-get and systemctl that record how they are called."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.policy = folder / "policy-rc.d"
        self.calls_file = folder / "calls"
        self.installed("")
        self.script("dpkg-query", f'while read -r line; do echo "$line"; done <"{folder}/installed"')
        self.apt_get()
        self.script("systemctl", f'echo "systemctl $*" >>"{self.calls_file}"')
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setattr(debian_packages, "_POLICY_FILE", self.policy)
        monkeypatch.setattr(os, "geteuid", lambda: 0)

    def script(self, name: str, body: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.folder / name).chmod(0o755)

    def apt_get(self, failure: str = "") -> None:
        self.script(
            "apt-get",
            f'"{self.policy}"; echo "policy=$? $DEBIAN_FRONTEND apt-get $*" >>"{self.calls_file}"\n{failure}',
        )

    def installed(self, listing: str) -> None:
        (self.folder / "installed").write_text(listing)

    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    return Debian(tmp_path, monkeypatch)


def test_a_complete_machine_is_left_alone(debian: Debian) -> None:
    debian.installed(COMPLETE)
    stream = io.StringIO()

    ensure_debian_packages(Progress(stream))

    assert (debian.calls(), stream.getvalue()) == ([], "")


def test_what_is_missing_is_installed_without_starting_or_enabling_its_services(debian: Debian) -> None:
    debian.installed(COMPLETE.replace("installed etcd-server \n", "").replace("installed conntrack \n", ""))

    ensure_debian_packages(Progress(io.StringIO()))

    update, install, disable = debian.calls()
    assert update == "policy=101 noninteractive apt-get -q -o DPkg::Lock::Timeout=120 update"
    assert install.startswith("policy=101 noninteractive apt-get ")
    assert install.endswith(" install -y --no-install-recommends conntrack etcd-server")
    assert disable == "systemctl disable --quiet etcd.service"
    assert not debian.policy.exists()


def test_a_service_that_the_machine_had_before_stays_enabled(debian: Debian) -> None:
    debian.installed(COMPLETE.replace("installed conntrack \n", ""))

    ensure_debian_packages(Progress(io.StringIO()))

    assert not [call for call in debian.calls() if call.startswith("systemctl")]


def test_a_failure_of_apt_get_is_shown_and_the_policy_of_the_machine_is_back(debian: Debian) -> None:
    debian.policy.write_text("#!/bin/sh\nexit 104\n")
    debian.policy.chmod(0o755)
    debian.apt_get("echo 'E: Unable to locate package conntrack'; exit 100")

    with pytest.raises(DebianPackagesError, match="Unable to locate package conntrack") as failure:
        ensure_debian_packages(Progress(io.StringIO()))

    assert "ended with 100" in str(failure.value)
    assert debian.policy.read_text() == "#!/bin/sh\nexit 104\n"
    assert os.access(debian.policy, os.X_OK)


def test_another_user_than_root_is_told_what_root_has_to_install(
    debian: Debian, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian.installed(COMPLETE.replace("installed iptables \n", ""))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(DebianPackagesError, match="apt-get install --no-install-recommends iptables"):
        ensure_debian_packages(Progress(io.StringIO()))

    assert debian.calls() == []


def test_another_system_than_debian_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DebianPackagesError, match="SANDBOX_KUBECONFIG"):
        ensure_debian_packages(Progress(io.StringIO()))


def test_the_policy_of_the_machine_survives_a_run_that_was_killed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("the machine's own")
    killed = services_held_back(policy)
    killed.__enter__()

    with services_held_back(policy):
        assert "exit 101" in policy.read_text()

    assert policy.read_text() == "the machine's own"
    assert [file.name for file in tmp_path.iterdir()] == ["policy-rc.d"]
