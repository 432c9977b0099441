"""Names the types of resources that rules look for."""

AWS_KEY = "aws:kms/key:Key"
AWS_ROLE = "aws:iam/role:Role"
GOOGLE_KEY = "gcp:kms/cryptoKey:CryptoKey"
RELEASE = "kubernetes:helm.sh/v3:Release"
AWS_BUCKET_ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)
GOOGLE_BUCKET = "gcp:storage/bucket:Bucket"
CRON_JOB = "kubernetes:batch/v1:CronJob"

_OWN = "pulumi-python:dynamic/vault"
AUDIT_DEVICES = f"{_OWN}:AuditDevices"
INSTALLED_RELEASE = f"{_OWN}:InstalledRelease"
JOURNAL_KEY = f"{_OWN}:JournalKey"
OPERATOR_INIT = f"{_OWN}:OperatorInit"
ROOT_TOKEN_REVOCATION = f"{_OWN}:RootTokenRevocation"
SNAPSHOT_ACCESS = f"{_OWN}:SnapshotAccess"

KEPT = {
    "aws:kms/alias:Alias": "alias of the key",
    "aws:secretsmanager/secret:Secret": "secret with root token and shares",
    "gcp:kms/keyRing:KeyRing": "ring of the key",
    "gcp:secretmanager/regionalSecret:RegionalSecret": "secret with root token and shares",
    "gcp:secretmanager/secret:Secret": "secret with root token and shares",
    "kubernetes:core/v1:Namespace": "namespace with Vault's volumes",
    JOURNAL_KEY: "key of the journal",
}
"""What can't be had again, or not with what was in it, besides the keys and the init."""
