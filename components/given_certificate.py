"""Verifies the servers' certificate in a Secret that others write, before Vault has it.

It is judged in every preview in which the Secret is there. Its key is read for that, and is in no property,
message or output.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, UpdateResult

from components.errors import DeploymentError, RetryableError
from components.kubernetes.kubectl import OWNER, OWNER_LABEL, Kubectl, KubectlError, KubernetesTarget
from components.progress import Waiting, say
from components.stable_provider import StableProvider, StableResource

if TYPE_CHECKING:
    # Imported where a certificate is judged, as the library takes a part of every command.
    from components.tls.judgement import Certificate

CERTIFICATE = ("authority", "serial", "not_after")
"""Properties that the Secret's content makes; absent while there is none."""


class MissingCertificateError(RetryableError):
    """The Secret isn't there yet, or cert-manager hasn't put a certificate that fits into it yet."""


class UnfitCertificateError(DeploymentError):
    """The certificate in the Secret doesn't fit; the message lists why."""


class GivenCertificateProvider(StableProvider):
    """Records which certificate the Secret has; changes nothing in it."""

    inputs = ("target", "secret", "needed", *CERTIFICATE)

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse a certificate that doesn't fit; one that isn't there yet is waited for by the update.

        What was waited for is recorded by the update alone, not in the properties that come back here: then
        the update refuses one that is overdue.
        """
        recorded = _olds.get("serial") if _olds else ""
        try:
            certificate = _read(news, recorded, told=say)
        except UnfitCertificateError as error:
            return CheckResult(news, [CheckFailure("secret", str(error))])
        except MissingCertificateError as error:
            say(str(error))
            return CheckResult(news, [])
        except KubectlError as error:
            say(f"The certificate in Secret {news['secret']} can't be looked at: {error}")
            known = {name: _olds[name] for name in CERTIFICATE if name in _olds}
            return CheckResult({**news, **known}, [])
        return CheckResult({**news, **asdict(certificate)}, [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait for the Secret, and record its certificate; raise :class:`UnfitCertificateError`."""
        return self._recorded(props, "")

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Record the present certificate, as at creation."""
        return UpdateResult(self._recorded(_news, str(_olds.get("serial") or "")).outs)

    def _recorded(self, props: Mapping[str, Any], recorded: str) -> CreateResult:
        target = KubernetesTarget.from_properties(props["target"])
        identity = f"{target.namespace}/{props['secret']}"
        waiting = Waiting(f"Waiting for Secret {identity}", float(props["seconds"]))
        certificate = waiting.until(
            lambda: _read(props, recorded),
            (MissingCertificateError, KubectlError),
            retry_if=lambda error: not isinstance(error, KubectlError) or error.passing,
            pause_seconds=1,
        )
        return CreateResult(identity, {**self.input_values({**props, **asdict(certificate)})})

    def input_values(self, props: Mapping[str, Any]) -> dict[str, Any]:
        """Return the compared properties, and how long the Secret is waited for, made by whom."""
        return {**super().input_values(props), "seconds": props["seconds"], "source": props["source"]}


def _read(
    props: Mapping[str, Any], recorded: str | None, told: Callable[[str], None] = lambda _: None
) -> "Certificate":
    """Return the certificate in the Secret.

    One that is overdue is refused, unless its serial number is the ``recorded`` one, or that isn't known
    (None): then Vault has it, and to refuse it would only keep everything else from being changed; it is
    ``told``. Raises :class:`MissingCertificateError`, :class:`UnfitCertificateError`, and
    :class:`KubectlError`.
    """
    from components.tls.judgement import ServerFiles, judge

    target, name = KubernetesTarget.from_properties(props["target"]), str(props["secret"])
    secret, where = Kubectl(target).get("secret", name), f"{target.namespace}/{name}"
    requested = props["source"] == "cert-manager"
    if secret is None:
        fix = "Create it with the entries tls.crt, tls.key and ca.crt, also while pulumi up waits for it"
        raise MissingCertificateError(
            f"Secret {where} with the certificate of Vault's servers isn't there yet. "
            + (_why_not(target, name) if requested else f"{fix} (docs/tls.md)")
        )
    if (secret["metadata"].get("labels") or {}).get(OWNER_LABEL) == OWNER:
        raise UnfitCertificateError(
            f"Secret {where} has the certificate that the stack itself has made (tls.source own), and is "
            "deleted with that. Nothing was changed. Set tls.secret to the name of another Secret, for yours."
        )
    files = ServerFiles(*(_entry(secret, entry) for entry in ("tls.crt", "tls.key", "ca.crt")))
    judgement = judge(files, props["needed"], datetime.now(UTC))
    certificate, problems = judgement.certificate, [*judgement.problems]
    if judgement.overdue:
        if certificate is None or recorded not in (certificate.serial, None):
            problems.append(judgement.overdue)
        else:
            fix = _why_not(target, name) if requested else "Put another one into it (docs/tls.md)"
            told(f"The certificate in Secret {where} nears its end: {judgement.overdue}. {fix}")
    if certificate is not None and not problems:
        return certificate
    if requested:
        # What the request asks for may have changed just now, and only cert-manager puts one there.
        raise MissingCertificateError(
            f"Secret {where} has no certificate yet that fits Vault's servers: {'; '.join(problems)}. "
            f"{_why_not(target, name)}"
        )
    listed = "\n".join(f"  - {problem}" for problem in problems)
    raise UnfitCertificateError(
        f"The certificate in Secret {where} isn't one for Vault's servers. Nothing was changed:\n{listed}\n"
        "Put one that fits into the Secret (docs/tls.md), and run pulumi up again."
    )


def _why_not(target: KubernetesTarget, name: str) -> str:
    return (
        f"Why cert-manager hasn't made one: kubectl --namespace {target.namespace} describe "
        f"certificate.cert-manager.io,certificaterequest {name}"
    )


def _entry(secret: Mapping[str, Any], name: str) -> str:
    """Return the text of an entry, whose comments may be in any encoding; empty if there is none."""
    try:
        content = base64.b64decode((secret.get("data") or {}).get(name) or "", validate=True)
    except binascii.Error:
        return ""
    return content.decode(errors="replace")


class GivenCertificate(StableResource, module="vault", name="GivenCertificate"):
    """The servers' certificate in a Secret that others write."""

    authority: pulumi.Output[str]
    """Certificates (PEM) by which clients verify Vault."""
    not_after: pulumi.Output[str]
    """Its end, as ISO 8601."""

    def __init__(
        self,
        name: str,
        *,
        target: KubernetesTarget,
        source: str,
        secret: str,
        needed: Sequence[str],
        seconds: int,
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, Any] = {
            "target": target.to_properties(),
            "source": source,
            "secret": secret,
            "needed": list(needed),
            "seconds": seconds,
            **dict.fromkeys(CERTIFICATE),
        }
        super().__init__(GivenCertificateProvider(), name, properties, opts)
