"""Names the types of Pulumi's resources for which more than one module looks."""

IAM_POLICY = "aws:iam/policy:Policy"
IAM_ROLE = "aws:iam/role:Role"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
KMS_ALIAS = "aws:kms/alias:Alias"
KMS_KEY = "aws:kms/key:Key"
POD_IDENTITY_ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
AWS_SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type's name
GOOGLE_ACCOUNT = "gcp:serviceaccount/account:Account"
FIREWALL = "gcp:compute/firewall:Firewall"
GOOGLE_SECRET = "gcp:secretmanager/secret:Secret"  # noqa: S105 - a type's name
NAMESPACE = "kubernetes:core/v1:Namespace"
KUBERNETES_SECRET = "kubernetes:core/v1:Secret"  # noqa: S105 - a type's name
CERTIFICATE = "kubernetes:cert-manager.io/v1:Certificate"
BACKEND_TLS_POLICY = "kubernetes:gateway.networking.k8s.io/v1:BackendTLSPolicy"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
POD_MONITOR = "kubernetes:monitoring.coreos.com/v1:PodMonitor"
PROMETHEUS_RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
RELEASE = "kubernetes:helm.sh/v3:Release"
STACK = "pulumi:pulumi:Stack"
"""The stack itself, whose outputs are those of this resource."""

DYNAMIC = "pulumi-python:dynamic"
"""What the types of this program's own resources begin with."""
GIVEN_CERTIFICATE = f"{DYNAMIC}/vault:GivenCertificate"
INSTALLED_RELEASE = f"{DYNAMIC}/vault:InstalledRelease"
KUBERNETES_IDENTITY = f"{DYNAMIC}/vault:KubernetesIdentity"
"""The resource that has the connection to the cluster."""
OPERATOR_INIT = f"{DYNAMIC}/vault:OperatorInit"
OWN_CERTIFICATE = f"{DYNAMIC}/vault:OwnCertificate"
RELEASE_GUARD = f"{DYNAMIC}/vault:ReleaseGuard"

PACKAGED_VAULT = "vault-autounseal:index:Vault"
"""The component that the package offers to other programs, which may be the parent of resources of theirs."""
COMPONENTS = "vault-autounseal:"
"""What the types of this program's components begin with."""
IN_COMPONENTS = frozenset({IAM_ROLE, INGRESS_RULE, KMS_KEY, RELEASE})
"""Types of which a program of other people may have resources beside those of Vault, which all have one of
this program's components as their parent."""
