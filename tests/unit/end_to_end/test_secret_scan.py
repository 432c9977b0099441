"""The scanner finds a secret that was planted, in every form, and nothing where there is none."""

import base64
import os
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.faults import secret_scan
from tests.end_to_end.faults.secret_scan import SecretScan

TOKEN = "hvs.aLongRootToken0123456789"
SHARE = base64.b64encode(bytes(range(200, 233))).decode()
SCAN = SecretScan.of({"root token": TOKEN, "share 1": SHARE})


def encoded(text: str, before: str = "") -> str:
    return base64.b64encode(f'{before}{{"share":"{text}"}}'.encode()).decode()


PLANTED: dict[str, Callable[[str], str]] = {
    "as it is": lambda secret: secret,
    "in a URL": lambda secret: urllib.parse.quote(secret, safe=""),
    "in base64 after 0 bytes": lambda secret: encoded(secret),
    "in base64 after 1 byte": lambda secret: encoded(secret, "x"),
    "in base64 after 2 bytes": lambda secret: encoded(secret, "xy"),
    "in base64 of base64": lambda secret: encoded(encoded(secret, "x"), "xy"),
    "in base64 of base64, otherwise": lambda secret: encoded(encoded(secret, "xy"), "x"),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
@pytest.mark.parametrize(("name", "secret"), [("root token", TOKEN), ("share 1", SHARE)])
def test_a_planted_secret_is_found(name: str, secret: str, plant: Callable[[str], str]) -> None:
    content = f"something before\n{plant(secret)}\nsomething behind".encode()
    assert {finding.secret for finding in SCAN.in_bytes(content, "a place")} == {name}


@pytest.mark.parametrize(
    "written",
    [
        base64.b64decode(SHARE),
        base64.b64decode(SHARE).hex().encode(),
        base64.b64decode(SHARE).hex().upper().encode(),
        base64.urlsafe_b64encode(base64.b64decode(SHARE)),
    ],
    ids=["bytes", "hex", "large hex", "URL base64"],
)
def test_a_share_is_found_in_its_other_forms(written: bytes) -> None:
    assert {finding.secret for finding in SCAN.in_bytes(b"x" + written + b"y", "a place")} == {"share 1"}


def test_nothing_is_found_where_nothing_is() -> None:
    other = base64.b64encode(bytes(range(33))).decode()
    content = f"hvs.anotherToken {other} {encoded(other)} {TOKEN[:-1]}".encode() + os.urandom(100_000)
    assert list(SCAN.in_bytes(content, "a place")) == []


def test_a_secret_across_two_chunks_of_a_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_scan, "_CHUNK", 1024)
    path = tmp_path / "file"
    path.write_bytes(bytes(1024 - 7) + TOKEN.encode() + bytes(5000))
    assert [finding.place for finding in SCAN.in_file(path)] == [str(path)]


def test_folders_are_searched_but_for_what_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "deeper" / "file").write_text(TOKEN)
    (tmp_path / "deep" / f"named-{TOKEN}").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text(TOKEN)
    found = list(SCAN.in_folders([tmp_path], without=[tmp_path / "out"]))
    assert {finding.place for finding in found} == {
        str(tmp_path / "deep" / "deeper" / "file"),
        f"the name of {tmp_path / 'deep' / f'named-{TOKEN}'}",
    }


def test_a_finding_does_not_show_the_secret() -> None:
    findings = list(SCAN.in_bytes(TOKEN.encode(), "a place"))
    assert findings
    assert TOKEN not in repr(findings)
    assert TOKEN not in repr(SCAN)
