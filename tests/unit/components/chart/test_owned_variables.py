import pytest

from components.chart.owned_variables import OWNED_VARIABLES, variable_problem


@pytest.mark.parametrize(
    "name",
    [
        "VAULT_SEAL_TYPE",
        "VAULT_SEAL_TYPE_new",
        "vault.seal.type",
        "VAULT_AWSKMS_SEAL_KEY_ID",
        "AWSKMS_WRAPPER_KEY_ID",
        "VAULT_GCPCKMS_SEAL_KEY_RING",
        "VAULT_AZUREKEYVAULT_VAULT_NAME",
        "VAULT_OCIKMS_CRYPTO_ENDPOINT",
        "VAULT_TRANSIT_SEAL_MOUNT_PATH",
        "TRANSIT_WRAPPER_KEY_NAME",
        "VAULT_RAFT_NODE_ID",
        "VAULT_RAFT_PATH",
        "VAULT_RAFT_RETRY_JOIN_AS_NON_VOTER",
    ],
)
def test_variable_that_vault_takes_for_its_configuration_is_refused(name: str) -> None:
    assert variable_problem(name) in OWNED_VARIABLES.values()


@pytest.mark.parametrize(
    "name",
    [
        "VAULT_LOG_LEVEL",
        "VAULT_CACERT",
        "VAULT_API_ADDR",
        "AWS_KMS_ENDPOINT",
        "AWS_REGION",
        "VAULT_TRANSIT_SEAL_DISABLE_RENEWAL",
        "VAULT_RAFT_INITIAL_MMAP_SIZE",
        "MY_VAULT_SEAL_TYPE",
    ],
)
def test_other_variables_are_taken(name: str) -> None:
    assert variable_problem(name) is None
