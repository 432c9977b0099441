"""The functions of the stand-in: look-ups of what others have made."""

import http.client
import re
from collections.abc import Mapping

from sandbox.plugins.declared_functions import DeclaredFunction
from sandbox.plugins.gcp.api import Google, GoogleApiError, JsonObject, objects, one_error, texts
from sandbox.plugins.gcp.kms import KEY_FORM, RING_FORM, key_outputs
from sandbox.plugins.gcp.resource_type import parsed_id
from sandbox.plugins.json_values import Json
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import ProviderError


def _required(arguments: PropertyMap, name: str, upstream: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise ProviderError(
            f'Missing required argument. The argument "{upstream}" is required, but no definition was found.'
        )
    return value


def _project(google: Google, arguments: PropertyMap) -> str:
    project = arguments.get("project") or google.project
    if not isinstance(project, str):
        raise ProviderError("project: required field is not set")
    return project


def get_cluster(google: Google, arguments: PropertyMap) -> PropertyMap:
    """Return a GKE cluster: where it is, how it is reached, and whether it has Workload Identity.

    As the real plugin does, it lists the instance groups of the cluster's node pools, which takes a
    permission of its own; of the pools only what tells whose identity their pods have is returned.
    """
    name, location = _required(arguments, "name", "name"), _required(arguments, "location", "location")
    project = _project(google, arguments)
    path = f"projects/{project}/locations/{location}/clusters/{name}"
    cluster = google.get_if_there("container", f"v1beta1/{path}", what=f'Container Cluster "{name}"')
    if cluster is None:
        raise ProviderError(one_error(f"{path} not found"))
    _list_instance_groups(google, cluster)
    outputs: PropertyMap = {
        "controlPlaneEndpointsConfigs": [_endpoints(cluster)],
        "enableAutopilot": any(one.get("enabled") is True for one in objects([cluster.get("autopilot")])),
        "id": path,
        "location": location,
        "masterAuths": [
            {
                "clientCertificate": str(one.get("clientCertificate", "")),
                "clientCertificateConfigs": [],
                "clientKey": str(one.get("clientKey", "")),
                "clusterCaCertificate": str(one.get("clusterCaCertificate", "")),
            }
            for one in objects([cluster.get("masterAuth")])
        ],
        "masterVersion": str(cluster.get("currentMasterVersion", "")),
        "name": name,
        "network": _network(cluster),
        "nodePools": [_node_pool(pool) for pool in objects(cluster.get("nodePools"))],
        "privateClusterConfigs": [_private_cluster(cluster)],
        "project": project,
        "resourceLabels": dict[str, PropertyValue](texts(cluster.get("resourceLabels"))),
        "workloadIdentityConfigs": [
            {"workloadPool": str(one.get("workloadPool", ""))}
            for one in objects([cluster.get("workloadIdentityConfig")])
        ],
    }
    outputs.update((output, str(cluster.get(field, ""))) for output, field in _CLUSTER_TEXTS.items())
    return outputs


_INSTANCE_GROUP = re.compile(r"(?P<zone>projects/[^/]+/zones/[^/]+)/instanceGroupManagers/[^/]+$")
_CLUSTER_TEXTS = {
    "clusterIpv4Cidr": "clusterIpv4Cidr",
    "description": "description",
    "endpoint": "endpoint",
    "selfLink": "selfLink",
    "servicesIpv4Cidr": "servicesIpv4Cidr",
}


def _network(cluster: JsonObject) -> str:
    """Return the network's path; the cluster's own field has the bare name only."""
    for config in objects([cluster.get("networkConfig")]):
        if config.get("network"):
            return str(config["network"])
    return str(cluster.get("network", ""))


def _list_instance_groups(google: Google, cluster: JsonObject) -> None:
    """List the instance groups of each zone that a node pool has some in, once a zone."""
    listed: set[str] = set()
    for pool in objects(cluster.get("nodePools")):
        urls = pool.get("instanceGroupUrls")
        for url in urls if isinstance(urls, list) else []:
            match = _INSTANCE_GROUP.search(str(url))
            if match is None:
                raise ProviderError(one_error(f'Error reading instance group manager URL "{url}"'))
            if match["zone"] not in listed:
                what = f'InstanceGroupManagers for node pool "{pool.get("name")}"'
                google.get_if_there(
                    "compute", f"compute/beta/{match['zone']}/instanceGroupManagers", what=what
                )
                listed.add(match["zone"])


def _private_cluster(cluster: JsonObject) -> PropertyMap:
    """Return what is private of a cluster; a public one has it, too.

    Most of it has moved to other parts of the cluster, and the real plugin takes it from there alone.
    """
    config = _object(cluster.get("privateClusterConfig"))
    endpoints = _object(_object(cluster.get("controlPlaneEndpointsConfig")).get("ipEndpointsConfig"))
    return {
        "enablePrivateEndpoint": bool(endpoints) and endpoints.get("enablePublicEndpoint") is not True,
        "enablePrivateNodes": _object(cluster.get("networkConfig")).get("defaultEnablePrivateNodes") is True,
        "masterGlobalAccessConfigs": [{"enabled": endpoints.get("globalAccess") is True}],
        "masterIpv4CidrBlock": str(config.get("masterIpv4CidrBlock", "")),
        "peeringName": str(config.get("peeringName", "")),
        "privateEndpoint": str(endpoints.get("privateEndpoint", "")),
        "privateEndpointSubnetwork": str(endpoints.get("privateEndpointSubnetwork", "")),
        "publicEndpoint": str(endpoints.get("publicEndpoint", "")),
    }


def _endpoints(cluster: JsonObject) -> PropertyMap:
    """Return how the control plane is reached: by a DNS name, and by addresses."""
    config = _object(cluster.get("controlPlaneEndpointsConfig"))
    return {
        "dnsEndpointConfigs": [
            {
                "allowExternalTraffic": dns.get("allowExternalTraffic") is True,
                "enableK8sCertsViaDns": dns.get("enableK8sCertsViaDns") is True,
                "enableK8sTokensViaDns": dns.get("enableK8sTokensViaDns") is True,
                "endpoint": str(dns.get("endpoint", "")),
            }
            for dns in objects([config.get("dnsEndpointConfig")])
        ],
        "ipEndpointsConfigs": [
            {"enabled": addresses.get("enabled") is True}
            for addresses in objects([config.get("ipEndpointsConfig")])
        ],
    }


def _node_pool(pool: JsonObject) -> PropertyMap:
    config = _object(pool.get("config"))
    return {
        "name": str(pool.get("name", "")),
        "nodeConfigs": [
            {
                "workloadMetadataConfigs": [
                    {"mode": str(metadata.get("mode", ""))}
                    for metadata in objects([config.get("workloadMetadataConfig")])
                ]
            }
        ],
    }


def _object(value: Json) -> JsonObject:
    """Return a JSON object; an empty one if it is none."""
    return value if isinstance(value, dict) else {}


def _listed(google: Google, path: str, field: str, *, filtered: PropertyValue, what: str) -> list[JsonObject]:
    query = {"filter": str(filtered)} if filtered else {}
    try:
        return google.list_all("cloudkms", f"v1/{path}", field, query=query)
    except GoogleApiError as error:
        if error.status == http.client.NOT_FOUND:
            return []
        raise ProviderError(one_error(f"Error when reading or editing {what}: {error}")) from error


def get_key_rings(google: Google, arguments: PropertyMap) -> PropertyMap:
    """Return the key rings of a location; Google applies the filter."""
    location, project = _required(arguments, "location", "location"), _project(google, arguments)
    path = f"projects/{project}/locations/{location}/keyRings"
    filtered = arguments.get("filter")
    identifier = f"{path}/filter={filtered}" if filtered else path
    rings = _listed(google, path, "keyRings", filtered=filtered, what=f'KMSKeyRings "{identifier}"')
    names = [str(ring["name"]) for ring in rings]
    outputs: PropertyMap = {
        "id": identifier,
        "keyRings": [{"id": name, "name": parsed_id(name, RING_FORM)["name"]} for name in names],
        "location": location,
    }
    outputs.update((name, arguments[name]) for name in ("filter", "project") if name in arguments)
    return outputs


def get_crypto_keys(google: Google, arguments: PropertyMap) -> PropertyMap:
    """Return the keys of a ring; Google applies the filter."""
    ring = _required(arguments, "keyRing", "key_ring")
    parsed_id(ring, RING_FORM)
    path = f"{ring}/cryptoKeys"
    filtered = arguments.get("filter")
    identifier = f"{path}/filter={filtered}" if filtered else path
    keys = _listed(google, path, "cryptoKeys", filtered=filtered, what=f'KMSCryptoKeys "{identifier}"')
    outputs: PropertyMap = {
        "id": identifier,
        "keyRing": ring,
        "keys": [_listed_key(key, ring) for key in keys],
    }
    if filtered:
        outputs["filter"] = filtered
    return outputs


def _listed_key(key: JsonObject, ring: str) -> PropertyMap:
    """Return a key of a list; as with the real plugin its labels are left out."""
    outputs = key_outputs(key)
    template = outputs.pop("versionTemplate", None)
    return {
        **outputs,
        "deletionPolicy": "",
        "effectiveLabels": {},
        "id": str(key["name"]),
        "keyAccessJustificationsPolicies": [],
        "keyRing": ring,
        "labels": {},
        "name": parsed_id(str(key["name"]), KEY_FORM)["name"],
        "pulumiLabels": {},
        "skipInitialVersionCreation": False,
        "versionTemplates": [] if template is None else [template],
    }


def get_iam_custom_roles(google: Google, arguments: PropertyMap) -> PropertyMap:
    """Return the custom roles of a project; without permissions unless ``view`` is ``FULL``."""
    project = _project(google, arguments)
    view, deleted = arguments.get("view", "BASIC"), arguments.get("showDeleted") is True
    if view not in {"BASIC", "FULL"}:
        raise ProviderError(f"\"view\" must be either 'BASIC' or 'FULL', got \"{view}\"")
    try:
        found = google.list_all(
            "iam",
            f"v1/projects/{project}/roles",
            "roles",
            query={"showDeleted": str(deleted).lower(), "view": str(view)},
        )
    except GoogleApiError as error:
        raise ProviderError(one_error(f"Error retrieving project custom roles: {error}")) from error
    return {
        "id": f"projects/{project}",
        "project": project,
        "roles": [_listed_role(role, full=view == "FULL") for role in found],
        "showDeleted": deleted,
        "view": view,
    }


def _listed_role(role: JsonObject, *, full: bool) -> PropertyMap:
    name, permissions = str(role["name"]), role.get("includedPermissions")
    return {
        "deleted": role.get("deleted") is True,
        "description": str(role.get("description", "")),
        "id": name,
        "name": name,
        "permissions": [str(one) for one in permissions] if full and isinstance(permissions, list) else [],
        "roleId": name.rpartition("/")[2],
        "stage": str(role.get("stage", "")),
        "title": str(role.get("title", "")),
    }


def get_client_open_id_user_info(google: Google, _arguments: PropertyMap) -> PropertyMap:
    """Return whose token the plugin has."""
    try:
        found = google.get("openidconnect", "v1/userinfo")
    except GoogleApiError as error:
        raise ProviderError(
            one_error(
                "error retrieving userinfo for your provider credentials. have you enabled the "
                f"'https://www.googleapis.com/auth/userinfo.email' scope? error: {error}"
            )
        ) from error
    if found.get("email") is None:
        raise ProviderError(one_error("error retrieving email from userinfo. email was nil in the response."))
    return {"email": str(found["email"]), "id": str(found["email"])}


FUNCTIONS: Mapping[str, DeclaredFunction[Google]] = {
    "gcp:container/getCluster:getCluster": DeclaredFunction(
        get_cluster, frozenset({"location", "name", "project"}), frozenset({"skipNodePoolRefresh"})
    ),
    "gcp:kms/getCryptoKeys:getCryptoKeys": DeclaredFunction(
        get_crypto_keys, frozenset({"filter", "keyRing"})
    ),
    "gcp:kms/getKeyRings:getKeyRings": DeclaredFunction(
        get_key_rings, frozenset({"filter", "location", "project"})
    ),
    "gcp:organizations/getClientOpenIdUserInfo:getClientOpenIdUserInfo": DeclaredFunction(
        get_client_open_id_user_info, frozenset()
    ),
    "gcp:projects/getIamCustomRoles:getIamCustomRoles": DeclaredFunction(
        get_iam_custom_roles, frozenset({"project", "showDeleted", "view"})
    ),
}
