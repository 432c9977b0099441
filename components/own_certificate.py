"""Issues the certificate of Vault's servers by the stack's own authority, into a Secret beside the pods.

The key is made here and goes to the Secret alone: it is in no property. An interrupted run is repeated with
another one.
"""

import base64
import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, UpdateResult

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.owned_object import OVERTAKEN, ForeignObjectError, OwnedObject, SeenObject
from components.progress import say
from components.stable_provider import StableProvider, StableResource
from components.tls.lifetime import is_due

OUTPUTS = ("fingerprint", "not_before", "not_after")
_MADE_ANEW_FOR = ("secret", "names", "lifetime_days", "authority")
"""Properties that are in the certificate or say where it is; a changed kubeconfig isn't one."""
_AUTHORITY_ENTRY = "ca.crt"


class OwnCertificateProvider(StableProvider):
    """Issues a certificate, and another one in time."""

    inputs = ("target", *_MADE_ANEW_FOR)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Issue the first certificate.

        If the Secret is there already, as after an interrupted run or a state that was lost, servers may
        serve what it had: its authorities stay beside the new one until the next certificate.
        """
        secret = _secret(props)
        seen = _seen(secret)
        known = seen.secret_text(_AUTHORITY_ENTRY) or "" if seen is not None else ""
        issued = _issue(props, secret, seen, str(props["authority"]) + known)
        return CreateResult(f"{secret.target.namespace}/{secret.name}", issued)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return a change also if the certificate is due, or a refresh hasn't found it."""
        difference = super().diff(_id, _olds, _news)
        difference.changes = difference.changes or _is_due(_olds)
        return difference

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Issue another certificate, unless neither its content nor its age asks for one."""
        if not _is_due(_olds) and all(_olds.get(name) == _news[name] for name in _MADE_ANEW_FOR):
            kept = dict(super().update(_id, _olds, _news).outs or {})
            return UpdateResult({**kept, "authority_key": _news["authority_key"]})
        if _olds["secret"] != _news["secret"]:
            say(
                f"Secret {_olds['secret']} has the old certificate of Vault's servers. Delete it once all of "
                "their pods were replaced."
            )
        secret = _secret(_news)
        return UpdateResult(_issue(_news, secret, _seen(secret), str(_news["authority"])))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return the certificate as known; without fingerprint if the Secret lacks a part of it."""
        try:
            seen = _secret(props).read()
        except (KubectlError, ForeignObjectError) as error:
            say(f"What is known of the certificate of Vault's servers is kept: {error}")
            return ReadResult(id_, props)
        return ReadResult(id_, props if _is_whole(seen, props) else {**props, "fingerprint": ""})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete the Secret, unless others have put another certificate into it, or pods mount it still.

        They do if they weren't replaced since the settings were changed. Without it they can't be verified,
        and don't start any more.
        """
        secret = _secret(_props)
        try:
            seen = secret.read()
            if seen is not None and _has(seen, _props):
                if why := _needed_still(secret):
                    command = shlex.join(
                        [*secret.target.command_of_person(), "delete", "secret", secret.name]
                    )
                    say(f"{secret.location} is kept: {why}. Once none of Vault's pods mounts it: {command}")
                    return
                Kubectl(secret.target).delete_secret(
                    secret.name, uid=seen.uid, resource_version=seen.resource_version
                )
        except ForeignObjectError as error:
            say(str(error))
        except KubectlError as error:
            if error.reason not in OVERTAKEN:
                raise


def _is_due(olds: Mapping[str, Any]) -> bool:
    return not olds.get("fingerprint") or is_due(
        str(olds["not_before"]), str(olds["not_after"]), datetime.now(UTC)
    )


def _secret(props: Mapping[str, Any]) -> OwnedObject:
    target = KubernetesTarget.from_properties(props["target"])
    return OwnedObject(target, "v1", "Secret", str(props["secret"]))


def _seen(secret: OwnedObject) -> SeenObject | None:
    """Return the Secret; raise :class:`DeploymentError` if it isn't the program's."""
    try:
        return secret.read()
    except ForeignObjectError as error:
        raise DeploymentError(
            f"{error}. The certificate of Vault's servers was to go there: if that one is for them, set "
            "tls.source to secret; otherwise set tls.secret to another name."
        ) from None


def _has(seen: SeenObject | None, props: Mapping[str, Any]) -> bool:
    """Return whether the Secret has the certificate that the state knows."""
    present = seen.secret_text("tls.crt") if seen is not None else None
    return present is not None and _fingerprint(present) == props.get("fingerprint")


def _is_whole(seen: SeenObject | None, props: Mapping[str, Any]) -> bool:
    """Return whether the Secret has also the key of that certificate, and the authority's certificate."""
    from components.tls.judgement import ServerFiles, judge

    if seen is None or not _has(seen, props):
        return False
    entries = [seen.secret_text(name) or "" for name in ("tls.crt", "tls.key", _AUTHORITY_ENTRY)]
    fits = not judge(ServerFiles(*entries), props["names"], datetime.now(UTC)).problems
    return fits and str(props["authority"]).strip() in entries[-1]


def _needed_still(secret: OwnedObject) -> str:
    """Return why the Secret has to be kept; empty if no StatefulSet's template or pod mounts it."""
    try:
        found = json.loads(Kubectl(secret.target).run(["get", "statefulset,pod", "--output=json"]))["items"]
    except KubectlError as error:
        return f"whether pods mount it can't be seen ({error})"
    staying = [one for one in found if "deletionTimestamp" not in one["metadata"]]
    # A StatefulSet that is gone takes its pods along, a moment later.
    sets = {one["metadata"]["uid"] for one in staying if one["kind"] == "StatefulSet"}
    mounting = [
        one["metadata"]["name"]
        for one in staying
        if _mounts(one["spec"] if one["kind"] == "Pod" else one["spec"]["template"]["spec"], secret.name)
        and (one["kind"] == "StatefulSet" or sets & _owners(one))
    ]
    return f"it is mounted by {', '.join(mounting)}" if mounting else ""


def _owners(pod: Mapping[str, Any]) -> set[str]:
    return {str(owner["uid"]) for owner in pod["metadata"].get("ownerReferences") or ()}


def _mounts(pod: Mapping[str, Any], secret: str) -> bool:
    return any(
        (volume.get("secret") or {}).get("secretName") == secret for volume in pod.get("volumes") or ()
    )


def _fingerprint(certificate: str) -> str:
    return hashlib.sha256(certificate.encode()).hexdigest()


def _issue(
    props: Mapping[str, Any], secret: OwnedObject, seen: SeenObject | None, authorities: str
) -> dict[str, Any]:
    """Issue a certificate into the Secret, and return the resource's properties."""
    # Imported where it is needed, as the library takes a part of every command.
    from components.tls.authority import Authority, issue

    authority = Authority(str(props["authority"]), str(props["authority_key"]))
    issued = issue(authority, props["names"], int(props["lifetime_days"]), datetime.now(UTC))
    entries = {"tls.crt": issued.certificate, "tls.key": issued.key, _AUTHORITY_ENTRY: authorities}
    data = {name: base64.b64encode(text.encode()).decode() for name, text in entries.items()}
    content = {"type": "kubernetes.io/tls", "data": data}
    try:
        if seen is None:
            secret.create(content)
        else:
            secret.replace(content, seen)
    except KubectlError as error:
        # An admission webhook's words, such as of a policy, may quote what they are about.
        said = str(error).replace(data["tls.key"], "(hidden)")
        raise KubectlError(f"{secret.location} can't be written: {said}") from None
    return {
        **{name: props[name] for name in (*OwnCertificateProvider.inputs, "authority_key")},
        "fingerprint": _fingerprint(issued.certificate),
        "not_before": issued.not_before.isoformat(),
        "not_after": issued.not_after.isoformat(),
    }


class OwnCertificate(StableResource, module="vault", name="OwnCertificate"):
    """The certificate of Vault's servers, by the stack's own authority."""

    not_after: pulumi.Output[str]
    """Its end, as ISO 8601."""

    def __init__(
        self,
        name: str,
        *,
        target: KubernetesTarget,
        secret: str,
        names: Sequence[str],
        lifetime_days: int,
        authority: pulumi.Input[str],
        authority_key: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, Any] = {
            "target": target.to_properties(),
            "secret": secret,
            "names": list(names),
            "lifetime_days": lifetime_days,
            "authority": authority,
            "authority_key": authority_key,
            **dict.fromkeys(OUTPUTS),
        }
        super().__init__(OwnCertificateProvider(), name, properties, opts, secret_outputs=["authority_key"])
