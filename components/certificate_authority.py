"""Creates the certificate authority of one Vault's servers, in the stack's encrypted state.

Why its key is there: docs/decisions/0018-the-key-of-the-own-authority-is-in-the-state.md.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, UpdateResult

from components.stable_provider import StableProvider, StableResource
from components.tls.lifetime import is_due

if TYPE_CHECKING:
    # Imported where an authority is created, as the library takes a part of every command.
    from components.tls.authority import Authority


class CertificateAuthorityProvider(StableProvider):
    """Creates the authority once, and renews its certificate with the same key."""

    inputs: ClassVar[Sequence[str]] = ()

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create an authority with a new key."""
        from components.tls.authority import create_authority

        created = create_authority(str(props["name"]), datetime.now(UTC))
        return CreateResult("certificate-authority", {"name": props["name"], **_outputs(created)})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return a change once two thirds of the certificate's lifetime are over."""
        difference = super().diff(_id, _olds, _news)
        difference.changes = difference.changes or _is_due(_olds)
        return difference

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Renew the certificate if that is due; the key and the name stay."""
        kept = dict(super().update(_id, _olds, _news).outs or {})
        if not _is_due(_olds):
            return UpdateResult(kept)
        from components.tls.authority import Authority, renewed

        present = Authority(str(_olds["certificate"]), str(_olds["key"]))
        return UpdateResult({**kept, **_outputs(renewed(present, datetime.now(UTC)))})


def _is_due(olds: dict[str, Any]) -> bool:
    return is_due(str(olds["not_before"]), str(olds["not_after"]), datetime.now(UTC))


def _outputs(authority: "Authority") -> dict[str, str]:
    return {
        "certificate": authority.certificate,
        "key": authority.key,
        "not_before": authority.not_before.isoformat(),
        "not_after": authority.not_after.isoformat(),
    }


class CertificateAuthority(StableResource, module="vault", name="CertificateAuthority"):
    """The authority that signs the certificate of Vault's servers."""

    certificate: pulumi.Output[str]
    """PEM."""
    key: pulumi.Output[str]
    """Secret, PEM."""

    def __init__(self, name: str, common_name: str, opts: pulumi.ResourceOptions) -> None:
        outputs = dict.fromkeys(("certificate", "key", "not_before", "not_after"))
        properties = {"name": common_name, **outputs}
        super().__init__(CertificateAuthorityProvider(), name, properties, opts, secret_outputs=["key"])
