"""Service accounts and their keys, as they are kept; ``service_accounts`` is the API to them."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sandbox.google.api_errors import GoogleError, JsonObject

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 no password
_KEYS_OF_AN_ACCOUNT = 10
_NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def timestamp(moment: datetime) -> str:
    """As JSON has it (RFC 3339)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class AccountKey:
    """A key's public half; the private one is only in the file that its making answered with."""

    key_id: str
    public_key: rsa.RSAPublicKey
    created: datetime
    certificate: bytes
    """PEM, self-signed, around the public key."""

    def to_json(self, account: "Account") -> JsonObject:
        """As the API lists it."""
        return {
            "name": f"{account.name}/keys/{self.key_id}",
            "keyAlgorithm": "KEY_ALG_RSA_2048",
            "keyOrigin": "GOOGLE_PROVIDED",
            "keyType": "USER_MANAGED",
            "validAfterTime": timestamp(self.created),
            "validBeforeTime": timestamp(_NO_END),
        }


@dataclass
class Account:
    """A service account."""

    project: str
    account_id: str
    unique_id: str
    display_name: str = ""
    description: str = ""
    disabled: bool = False
    keys: dict[str, AccountKey] = field(default_factory=dict)

    @property
    def email(self) -> str:
        """The address that names it until it is deleted."""
        return f"{self.account_id}@{self.project}.iam.gserviceaccount.com"

    @property
    def name(self) -> str:
        """The resource's name."""
        return f"projects/{self.project}/serviceAccounts/{self.email}"

    def to_json(self) -> JsonObject:
        """As the API answers with it."""
        answer: JsonObject = {
            "name": self.name,
            "projectId": self.project,
            "uniqueId": self.unique_id,
            "email": self.email,
            "etag": base64.b64encode(b"1").decode(),
            "oauth2ClientId": self.unique_id,
        }
        more = {"displayName": self.display_name, "description": self.description, "disabled": self.disabled}
        return answer | {key: value for key, value in more.items() if value}

    def add_key(self, now: datetime) -> tuple[AccountKey, JsonObject]:
        """Create a key, and return the credentials file with its private half.

        Raises GoogleError if the account has ten keys already.
        """
        if len(self.keys) >= _KEYS_OF_AN_ACCOUNT:
            raise GoogleError("RESOURCE_EXHAUSTED", "Maximum number of keys on account reached.")
        private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        key = self.keep_key(secrets.token_hex(20), private_key, now)
        return key, credentials_file(self, key.key_id, private_key)

    def keep_key(self, key_id: str, private_key: rsa.RSAPrivateKey, now: datetime) -> AccountKey:
        """Keep the public half of a key."""
        certificate = _certificate(private_key, self.unique_id, now)
        self.keys[key_id] = AccountKey(key_id, private_key.public_key(), now, certificate)
        return self.keys[key_id]


def credentials_file(account: Account, key_id: str, private_key: rsa.RSAPrivateKey) -> JsonObject:
    """Return what Google's libraries read from ``GOOGLE_APPLICATION_CREDENTIALS``."""
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    page = f"https://www.googleapis.com/robot/v1/metadata/x509/{account.email.replace('@', '%40')}"
    return {
        "type": "service_account",
        "project_id": account.project,
        "private_key_id": key_id,
        "private_key": pem.decode(),
        "client_email": account.email,
        "client_id": account.unique_id,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": TOKEN_URI,
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": page,
        "universe_domain": "googleapis.com",
    }


@dataclass
class Accounts:
    """All service accounts; those that were deleted can be had back."""

    _accounts: dict[str, Account] = field(default_factory=dict)
    """By unique id."""
    _deleted: dict[str, Account] = field(default_factory=dict)

    def find(self, reference: str) -> Account | None:
        """Find the account with this e-mail address or unique id."""
        if reference in self._accounts:
            return self._accounts[reference]
        return next((account for account in self._accounts.values() if account.email == reference), None)

    def all_of(self, project: str) -> list[Account]:
        """In the order in which they were made."""
        return [account for account in self._accounts.values() if account.project == project]

    def create(self, project: str, account_id: str, display_name: str, description: str) -> Account:
        """Create an account with a unique id of its own; raises GoogleError (ALREADY_EXISTS)."""
        unique_id = "1" + "".join(secrets.choice("0123456789") for _ in range(20))
        account = Account(project, account_id, unique_id, display_name, description)
        if self.find(account.email) is not None:
            raise GoogleError(
                "ALREADY_EXISTS",
                f"Service account {account_id} already exists within project projects/{project}.",
                reason="ALREADY_EXISTS",
                domain="iam.googleapis.com",
            )
        self._accounts[unique_id] = account
        return account

    def adopt(self, credentials: Mapping[str, str]) -> Account:
        """Adopt the account that a credentials file is of, with that file's key."""
        account_id, _, _ = credentials["client_email"].partition("@")
        account = Account(credentials["project_id"], account_id, credentials["client_id"])
        private_key = serialization.load_pem_private_key(credentials["private_key"].encode(), password=None)
        if not isinstance(private_key, rsa.RSAPrivateKey):
            raise TypeError("a service account's key is an RSA key")
        account.keep_key(credentials["private_key_id"], private_key, datetime.now(UTC))
        self._accounts[account.unique_id] = account
        return account

    def delete(self, account: Account) -> None:
        """Delete the account; it keeps its unique id and its keys for `undelete`."""
        self._deleted[account.unique_id] = self._accounts.pop(account.unique_id)

    def undelete(self, unique_id: str) -> Account | None:
        """Put a deleted account back; None if there is none, or another has its name by now."""
        account = self._deleted.get(unique_id)
        if account is None or self.find(account.email) is not None:
            return None
        self._accounts[unique_id] = self._deleted.pop(unique_id)
        return account

    def find_key(self, key_id: str) -> tuple[Account, AccountKey] | None:
        """Find a key of some account that is there."""
        for account in self._accounts.values():
            if key_id in account.keys:
                return account, account.keys[key_id]
        return None


def _certificate(private_key: rsa.RSAPrivateKey, unique_id: str, now: datetime) -> bytes:
    """Return the public key as ``publicKeyData`` has it by default: in a self-signed certificate."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, unique_id)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(_NO_END)
        .sign(private_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
