"""The script that makes .venv, with Pythons that only pretend."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.layout import REPOSITORY

SCRIPT = "sandbox/virtual_environment.sh"

LOCK = "tests/requirements.lock"
REQUIREMENTS = ("requirements.txt", "sandbox/requirements.txt", "tests/requirements.txt")

# Answers as Python {version} to the script's question, makes a .venv that holds a copy of
# itself, records what pip is asked to do, and plays uv once pip has installed it under that
# name. Installing packages fails while a file `offline` exists.
PYTHON = """#!/bin/sh
case "$*" in
*version_info*) [ "{version}" = 3.11 ] ;;
*"import ensurepip"*) [ ! -e no-ensurepip ] ;;
"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python && [ ! -e interrupt ] && echo "$*" >>calls ;;
"-m pip install"*) cp "$0" .venv/bin/uv && echo "$*" >>calls ;;
"pip sync"*) [ ! -e offline ] && echo "$*" >>calls ;;
*) exit 99 ;;
esac
"""


class Checkout:
    """A copy of the files that the script looks at."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "checkout"
        for name in (SCRIPT, LOCK, *REQUIREMENTS):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, self.folder / name)
        self.bin = folder / "bin"
        self.bin.mkdir()
        for command in ("cat", "cp", "dirname", "grep", "id", "mkdir", "sed", "sha256sum", "sh", "tr"):
            found = shutil.which(command)
            assert found is not None
            (self.bin / command).symlink_to(found)
        monkeypatch.setenv("PATH", str(self.bin))

    def python(self, name: str, version: str) -> None:
        (self.bin / name).write_text(PYTHON.format(version=version))
        (self.bin / name).chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", SCRIPT], cwd=self.folder, capture_output=True, text=True, check=False)

    def calls(self) -> list[str]:
        """What the Pythons were asked to do since the last call."""
        record = self.folder / "calls"
        calls = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return calls


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    return Checkout(tmp_path, monkeypatch)


MAKE = "-m venv --clear .venv"
INSTALL_UV = f"-m pip install --quiet --disable-pip-version-check --constraint {LOCK} uv"
INSTALL = [INSTALL_UV, f"pip sync --quiet --python .venv/bin/python {LOCK}"]


def test_it_is_made_once(checkout: Checkout) -> None:
    checkout.python("python3", "3.11")

    assert checkout.run().returncode == 0
    assert checkout.calls() == [MAKE, *INSTALL]

    again = checkout.run()
    assert (again.returncode, again.stdout, again.stderr, checkout.calls()) == (0, "", "", [])


def test_a_changed_lock_is_installed_into_the_same_environment(checkout: Checkout) -> None:
    checkout.python("python3", "3.11")
    checkout.run()
    checkout.calls()
    with (checkout.folder / LOCK).open("a") as lock:
        lock.write("another==1.0\n")

    assert checkout.run().returncode == 0
    assert checkout.calls() == INSTALL


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_that_the_lock_does_not_have_are_refused(name: str, checkout: Checkout) -> None:
    checkout.python("python3", "3.11")
    checkout.run()
    checkout.calls()
    with (checkout.folder / name).open("a") as requirements:
        requirements.write("Another_One[extra]==1.0\n")

    result = checkout.run()

    assert result.returncode == 1
    assert f"another-one==1.0 is required, but {LOCK} has another version or none" in result.stderr
    assert "uv pip compile" in result.stderr
    assert checkout.calls() == []


def test_the_lock_has_what_its_packages_require() -> None:
    result = subprocess.run(
        [Path(sys.prefix) / "bin/uv", "pip", "check", "--python", sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr


def test_a_moved_checkout_gets_its_scripts_again(checkout: Checkout) -> None:
    checkout.python("python3", "3.11")
    checkout.run()
    checkout.calls()
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))

    assert checkout.run().returncode == 0
    assert checkout.calls() == [MAKE, *INSTALL], (
        "pip leaves scripts as they are unless the environment is new"
    )


def test_an_installation_that_failed_is_tried_again(checkout: Checkout) -> None:
    checkout.python("python3", "3.11")
    (checkout.folder / "offline").touch()
    assert checkout.run().returncode != 0
    assert checkout.calls() == [MAKE, INSTALL_UV]
    (checkout.folder / "offline").unlink()

    assert checkout.run().returncode == 0
    assert checkout.calls() == INSTALL


def test_an_environment_that_was_only_half_made_is_made_anew(checkout: Checkout) -> None:
    checkout.python("python3", "3.11")
    (checkout.folder / "interrupt").touch()
    assert checkout.run().returncode != 0
    assert (checkout.folder / ".venv/bin/python").exists()
    (checkout.folder / "interrupt").unlink()

    assert checkout.run().returncode == 0
    assert checkout.calls() == [MAKE, *INSTALL]


def test_an_environment_without_its_python_is_made_anew(checkout: Checkout) -> None:
    checkout.python("python3", "3.11")
    checkout.run()
    checkout.calls()
    (checkout.folder / ".venv/bin/python").unlink()

    assert checkout.run().returncode == 0
    assert checkout.calls() == [MAKE, *INSTALL]


def test_python_3_11_is_found_beside_another_python3(checkout: Checkout) -> None:
    checkout.python("python3", "3.13")
    checkout.python("python3.11", "3.11")

    assert checkout.run().returncode == 0
    assert checkout.calls() == [MAKE, *INSTALL]


def test_without_python_3_11_it_says_what_is_needed(checkout: Checkout) -> None:
    checkout.python("python3", "3.13")

    result = checkout.run()

    assert result.returncode == 1
    assert "Python 3.11 is needed" in result.stderr
    assert not (checkout.folder / ".venv").exists()


def test_debians_package_is_installed_where_venv_is_missing(checkout: Checkout) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root is let install a package")
    checkout.python("python3", "3.11")
    (checkout.folder / "no-ensurepip").touch()
    apt_get = checkout.bin / "apt-get"
    apt_get.write_text(
        '#!/bin/sh\necho "apt-get $*" >>calls\ncase "$*" in *install*) rm no-ensurepip ;; esac\n'
    )
    apt_get.chmod(0o755)
    removal = shutil.which("rm", path=os.defpath)
    assert removal is not None
    (checkout.bin / "rm").symlink_to(removal)

    assert checkout.run().returncode == 0

    update, install, *rest = checkout.calls()
    assert update.endswith(" update")
    assert install.endswith(" install -y --no-install-recommends python3-venv")
    assert rest == [MAKE, *INSTALL]


def test_a_python_without_venv_where_there_is_no_apt_get_is_an_error(checkout: Checkout) -> None:
    checkout.python("python3", "3.11")
    (checkout.folder / "no-ensurepip").touch()

    result = checkout.run()

    assert result.returncode == 1
    assert "cannot make virtual environments" in result.stderr
