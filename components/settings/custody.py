"""Reads the settings of the key store."""

from components.aws.credentials import CredentialSource
from components.config.reader import ConfigReader
from components.custody.key_store import KeyStore, KeyStoreError, store_class
from components.custody.stores import aws_secrets_manager
from components.settings.model import CustodySettings

STATE_CUSTODY = "state"
STORES_OF_THIS_PROGRAM = ("aws-secrets-manager", "gcp-secret-manager", "kubernetes-secret", "file")


def read_custody(reader: ConfigReader, credentials: CredentialSource) -> CustodySettings:
    """Read the section `custody`; all but `custody.store` belongs to the store, whose class reads it.

    ``credentials`` are for a store in AWS.
    """
    name = reader.text(
        "store", STATE_CUSTODY, r"[A-Za-z0-9_.-]+", "use state, or the name of a store", max_length=200
    )
    store: KeyStore | None = None
    if name != STATE_CUSTODY:
        try:
            store = store_class(name).from_settings(reader)
        except KeyStoreError as error:
            reader.report("store", f"{error}; use state or one of {', '.join(STORES_OF_THIS_PROGRAM)}")
            return CustodySettings(name=STATE_CUSTODY, store=None)
    if isinstance(store, aws_secrets_manager.Store):
        store = store.used_with(credentials)
    reader.unknown_keys()
    return CustodySettings(name=name, store=store)
