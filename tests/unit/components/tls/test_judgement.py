"""What is found wrong in a certificate before Vault has it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from components.tls.authority import create_authority, issue
from components.tls.judgement import ServerFiles, judge

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
NEEDED = ["vault-active.vault.svc", "vault-0.vault-internal.vault.svc", "127.0.0.1"]
NAMES = ["vault-active.vault.svc", "*.vault-internal.vault.svc", "127.0.0.1"]
AUTHORITY = create_authority("test", NOW - timedelta(days=30))
SERVER = issue(AUTHORITY, NAMES, 90, NOW)
FILES = ServerFiles(SERVER.certificate, SERVER.key, AUTHORITY.certificate)


def problems(files: ServerFiles = FILES, now: datetime = NOW) -> list[str]:
    found = list(judge(files, NEEDED, now).problems)
    # Whatever is wrong, nothing of a key is told.
    assert "PRIVATE" not in "".join(found)
    lines = [line for line in files.key.splitlines() if len(line) > 20]
    assert not [line for line in lines if line in "".join(found)]
    return found


def test_fitting_certificate() -> None:
    judgement = judge(FILES, NEEDED, NOW)
    assert (judgement.problems, judgement.overdue) == ([], "")
    found = judgement.certificate
    assert found is not None
    assert found.serial == f"{x509.load_pem_x509_certificate(SERVER.certificate.encode()).serial_number:x}"
    assert found.authority == AUTHORITY.certificate
    assert found.not_after == SERVER.not_after.isoformat()


def test_comments_are_no_part_of_the_authority() -> None:
    commented = f"Subject: CN=Müller\n{AUTHORITY.certificate}\n# Ende für heute\n{AUTHORITY.certificate}"
    judgement = judge(replace(FILES, authority=commented), NEEDED, NOW)
    assert judgement.problems == []
    assert judgement.certificate is not None
    assert judgement.certificate.authority == AUTHORITY.certificate * 2


@pytest.mark.parametrize(
    ("days", "problem"),
    [
        (-1, "it isn't valid before 2026-05-01 11:55 UTC; is this machine's clock right?"),
        (89, None),
        (90, "it expired at 2026-07-30 12:00 UTC"),
    ],
)
def test_time(days: int, problem: str | None) -> None:
    assert problems(now=NOW + timedelta(days=days)) == ([problem] if problem else [])


@pytest.mark.parametrize(("days", "overdue"), [(75, False), (77, True), (90, False)])
def test_certificate_near_its_end_fits_and_is_overdue(days: int, overdue: bool) -> None:
    text = "it expires at 2026-07-30 12:00 UTC, and should have been renewed by now"
    assert judge(FILES, NEEDED, NOW + timedelta(days=days)).overdue == (text if overdue else "")


@pytest.mark.parametrize(("days", "overdue"), [(7, False), (9, True)])
def test_short_life_may_have_less_left(days: int, overdue: bool) -> None:
    server = issue(AUTHORITY, NAMES, 10, NOW)
    files = ServerFiles(server.certificate, server.key, AUTHORITY.certificate)
    assert bool(judge(files, NEEDED, NOW + timedelta(days=days)).overdue) is overdue


def test_key_of_another_certificate() -> None:
    other = issue(AUTHORITY, NAMES, 90, NOW)
    assert problems(replace(FILES, key=other.key)) == ["tls.key isn't the key of the certificate in tls.crt"]


@pytest.mark.parametrize("key", ["no key", SERVER.certificate])
def test_unreadable_key(key: str) -> None:
    (problem,) = problems(replace(FILES, key=key))
    assert "tls.key has no private key" in problem


def test_key_with_a_password() -> None:
    key = serialization.load_pem_private_key(SERVER.key.encode(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (problem,) = problems(replace(FILES, key=encrypted.decode()))
    assert "without a password" in problem


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["*.vault-internal.vault.svc", "127.0.0.1"], "vault-active.vault.svc"),
        (["vault-active.vault.svc", "127.0.0.1"], "vault-0.vault-internal.vault.svc"),
        # A wildcard is one label, and no address.
        (["*.vault.svc", "127.0.0.1"], "vault-0.vault-internal.vault.svc"),
        (["vault-active.vault.svc", "*.vault-internal.vault.svc", "*.0.0.1"], "127.0.0.1"),
        (["VAULT-active.vault.svc", "vault-0.vault-internal.vault.svc", "127.0.0.1"], None),
    ],
)
def test_names(names: list[str], missing: str | None) -> None:
    server = issue(AUTHORITY, names, 90, NOW)
    wrong = problems(ServerFiles(server.certificate, server.key, AUTHORITY.certificate))
    assert wrong == ([f"it lacks the subject alternative names {missing}"] if missing else [])


def test_all_missing_names_are_told_at_once() -> None:
    server = issue(AUTHORITY, ["vault"], 90, NOW)
    (problem,) = problems(ServerFiles(server.certificate, server.key, AUTHORITY.certificate))
    assert problem.endswith(", ".join(NEEDED))


def test_another_authority_of_the_same_name() -> None:
    other = create_authority("test", NOW)
    (problem,) = problems(replace(FILES, authority=other.certificate))
    assert "no certificate in ca.crt" in problem
    assert problems(replace(FILES, authority=other.certificate + AUTHORITY.certificate)) == []


def test_authority_that_has_expired() -> None:
    later = NOW + timedelta(days=3640)
    server = issue(AUTHORITY, NAMES, 90, later)
    files = ServerFiles(server.certificate, server.key, AUTHORITY.certificate)
    (problem,) = problems(files, later)
    assert "no certificate in ca.crt that is valid now" in problem


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (replace(FILES, certificate=""), ["it has no entry tls.crt"]),
        (replace(FILES, key=" "), ["it has no entry tls.key"]),
        (replace(FILES, authority=""), ["it has no entry ca.crt"]),
        (replace(FILES, certificate="rubbish"), ["tls.crt has no readable certificate (PEM)"]),
        (
            replace(FILES, certificate="", authority="rubbish"),
            ["it has no entry tls.crt", "ca.crt has no readable certificate (PEM)"],
        ),
    ],
)
def test_missing_entries(files: ServerFiles, told: list[str]) -> None:
    assert problems(files) == told


def signed(
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    *extensions: x509.ExtensionType,
    name: str = "intermediate",
    key: ec.EllipticCurvePrivateKey | None = None,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=90))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, hashes.SHA256()), key


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


SAN = x509.SubjectAlternativeName([x509.DNSName(NAMES[0]), x509.DNSName("*.vault-internal.vault.svc")])
ROOT = x509.load_pem_x509_certificate(AUTHORITY.certificate.encode())
ROOT_KEY = serialization.load_pem_private_key(AUTHORITY.key.encode(), None)
assert isinstance(ROOT_KEY, ec.EllipticCurvePrivateKey)
IS_CA = x509.BasicConstraints(ca=True, path_length=None)


def judged(
    chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey, root: x509.Certificate = ROOT
) -> list[str]:
    files = ServerFiles("".join(map(pem, chain)), key_pem(key), pem(root))
    return list(judge(files, NEEDED[:2], NOW).problems)


def self_signed(*extensions: x509.ExtensionType) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    return signed(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")]), key, *extensions, name="root", key=key
    )


def usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, signs, False, False, False)


def test_intermediate_certificates_are_followed_and_needed() -> None:
    root, root_key = self_signed(IS_CA, usage(signs=True))
    middle, middle_key = signed(root.subject, root_key, IS_CA)
    leaf, key = signed(middle.subject, middle_key, SAN, name="leaf")
    assert judged([leaf, middle], key, root) == []
    (problem,) = judged([leaf], key, root)
    assert "CN=intermediate" in problem


def test_authority_whose_usage_is_not_to_sign() -> None:
    root, root_key = self_signed(IS_CA, usage(signs=False))
    leaf, key = signed(root.subject, root_key, SAN, name="leaf")
    (problem,) = judged([leaf], key, root)
    assert "may sign" in problem


@pytest.mark.parametrize(("longest", "fits"), [(0, False), (1, True)])
def test_more_certificates_between_than_the_authority_allows(longest: int, fits: bool) -> None:
    root, root_key = self_signed(x509.BasicConstraints(ca=True, path_length=longest))
    middle, middle_key = signed(root.subject, root_key, x509.BasicConstraints(ca=True, path_length=0))
    leaf, key = signed(middle.subject, middle_key, SAN, name="leaf")
    assert (judged([leaf, middle], key, root) == []) is fits


def test_certificate_that_may_not_sign() -> None:
    root, root_key = self_signed(IS_CA)
    middle, middle_key = signed(root.subject, root_key)
    leaf, key = signed(middle.subject, middle_key, SAN, name="leaf")
    assert len(judged([leaf, middle], key, root)) == 1


@pytest.mark.parametrize(
    ("usages", "fits"),
    [
        ([ExtendedKeyUsageOID.CLIENT_AUTH], False),
        ([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH], True),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], True),
    ],
)
def test_usage(usages: list[x509.ObjectIdentifier], fits: bool) -> None:
    assert isinstance(ROOT_KEY, ec.EllipticCurvePrivateKey)
    leaf, key = signed(ROOT.subject, ROOT_KEY, SAN, x509.ExtendedKeyUsage(usages), name="leaf")
    wrong = judged([leaf], key)
    assert wrong == ([] if fits else ["its extended key usage has no server authentication (serverAuth)"])


def test_certificate_without_alternative_names() -> None:
    assert isinstance(ROOT_KEY, ec.EllipticCurvePrivateKey)
    leaf, key = signed(ROOT.subject, ROOT_KEY, name="vault-active.vault.svc")
    (problem,) = judged([leaf], key)
    assert problem == f"it lacks the subject alternative names {', '.join(NEEDED[:2])}"


def test_certificate_that_is_its_own_authority() -> None:
    leaf, key = signed(x509.Name([]), (own := ec.generate_private_key(ec.SECP256R1())), SAN)
    files = ServerFiles(pem(leaf), key_pem(key), pem(leaf))
    assert own is not key
    assert judge(files, NEEDED[:2], NOW).problems == []
