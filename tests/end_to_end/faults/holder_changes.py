"""Faults around shares that are encrypted to their holders, and around those that may read the keys."""

import base64
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pysequoia

from tests.end_to_end.faults import unreliable_store
from tests.end_to_end.faults.bench import SHARES, THRESHOLD
from tests.end_to_end.faults.shared_vault import InSecretsManager, SharedVault, Step

_EXPIRY_SECONDS = 2
_FORMER_READER = "former-reader"


def encrypted_and_killed_after_the_store(bench: SharedVault) -> None:
    """Killed when shares encrypted to their holders are stored and before the engine hears of it."""
    bench.ask_for(_encrypted(bench))
    bench.order(unreliable_store.KILL_AFTER)
    with bench.start() as run:
        run.await_killed()
    bench.cancel()
    bench.up()


def encrypted_and_set_back_before_the_verification(bench: SharedVault) -> None:
    """Killed when shares encrypted to their holders are in the journal, and the settings are set back."""
    bench.ask_for(_encrypted(bench))
    bench.kill_at(Step("verify"))
    bench.set_back()
    bench.run("preview")
    bench.up()


def encrypted_and_set_back_after_the_verification(bench: SharedVault) -> None:
    """Killed when shares encrypted to their holders are valid, and the settings are set back."""
    encrypted = _encrypted(bench)
    bench.ask_for(encrypted)
    bench.kill_at(Step("verify", last=True, answered=True))
    bench.set_back()
    bench.up(succeeds=False)
    bench.ask_for(encrypted)
    bench.up()


def key_expired_before_its_share(bench: SharedVault) -> None:
    """A share is to be encrypted to a key that has expired."""
    encrypted = _encrypted(bench)
    bench.ask_for({**encrypted, "pgpKeys": [*encrypted["pgpKeys"][1:], _expired(bench.holders[0])]})
    bench.up(succeeds=False)
    bench.set_back()
    bench.up(more=["--expect-no-changes"])


def key_expired_with_its_share(bench: SharedVault) -> None:
    """A key expires that a share is encrypted to."""
    keys = bench.init["pgpKeys"]
    bench.ask_for({**bench.init, "pgpKeys": [_expired(bench.holders[0]), *keys[1:]]})
    bench.up(more=["--expect-no-changes"])


def reader_removed(bench: SharedVault) -> None:
    """Somebody who could read the keys is taken out of the settings."""
    assert isinstance(bench, InSecretsManager)
    iam = bench.deployment.aws("iam")
    name = f"{bench.name}-{_FORMER_READER}"
    reader: str = iam.create_user(UserName=name)["User"]["Arn"]
    bench.configure(**bench.own_settings(reader))
    bench.up()
    assert reader in _policy(bench)
    bench.configure()
    bench.up()
    assert reader not in _policy(bench)


def _policy(bench: InSecretsManager) -> str:
    found = bench.deployment.aws("secretsmanager").get_resource_policy(SecretId=bench.secret)
    policy: str = found["ResourcePolicy"]
    return policy


def _encrypted(bench: SharedVault) -> Mapping[str, Any]:
    """Settings with a holder for each share."""
    bench.holders = [
        pysequoia.Tsk.generate(f"Holder {number} <{number}@example.com>", profile=pysequoia.Profile.RFC4880)
        for number in range(SHARES)
    ]
    keys: Sequence[str] = [_public(holder.extract_certificate()) for holder in bench.holders]
    return {"shares": SHARES, "threshold": THRESHOLD, "pgpKeys": keys}


def _expired(holder: pysequoia.Tsk) -> str:
    """The public key of this holder, which has expired by now."""
    end = datetime.now(UTC) + timedelta(seconds=_EXPIRY_SECONDS)
    certificate = holder.extract_certificate().set_expiration(end, holder.certifier())
    time.sleep(_EXPIRY_SECONDS)
    return _public(certificate)


def _public(certificate: pysequoia.Cert) -> str:
    return base64.b64encode(bytes(certificate)).decode()
