"""Regular expressions, of the whole value, for settings that several components have."""

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names
DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DNS_NAME = rf"{DNS_LABEL}(\.{DNS_LABEL})*"
SECRET_NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"  # noqa: S105 (a pattern of names)
SECRET_KEY = r"[A-Za-z0-9._-]{1,253}"  # noqa: S105 (a pattern of names)
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
LABEL_NAME = rf"({DNS_NAME}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{{0,61}}[A-Za-z0-9])?"
LABEL_VALUE = r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"
# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity
QUANTITY = r"[1-9]\d*(\.\d+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?"
ENVIRONMENT_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
AWS_TAG_KEY = r"(?!aws:).{1,128}"
AWS_REGION = r"[a-z]{2,4}(-[a-z]+)+-\d"
# https://pkg.go.dev/time#ParseDuration
DURATION = r"[1-9]\d{0,4}(ms|s|m)"
IMAGE_REPOSITORY = r"[a-z0-9][a-z0-9._:/-]*"
IMAGE_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
