"""When certificates are made anew, and that whoever trusted the old ones can check the new ones."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from dagy.web.tls.certificates import AUTHORITY_DAYS, Certificates, renewed

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOSTS = ("dagy-api.dagy-system.svc", "127.0.0.1")
DAYS = timedelta(days=90)


def first(now: datetime = NOW) -> Certificates:
    made = renewed(now, None, HOSTS, DAYS)
    assert made
    return made


def leaf(of: Certificates) -> x509.Certificate:
    return x509.load_pem_x509_certificate(of.chain.encode())


def trusts(authorities: str, server: Certificates, now: datetime) -> bool:
    store = Store(x509.load_pem_x509_certificates(authorities.encode()))
    verifier = PolicyBuilder().store(store).time(now).build_server_verifier(x509.DNSName(HOSTS[0]))
    try:
        verifier.verify(leaf(server), [])
    except VerificationError:
        return False
    return True


def test_what_is_made_will_do() -> None:
    made = first()
    assert trusts(made.authorities, made, NOW)
    assert leaf(made).not_valid_after_utc == NOW + DAYS
    assert renewed(NOW + DAYS / 2, made, HOSTS, DAYS) is None
    assert Certificates.from_secret(made.to_secret()) == made
    ssl.create_default_context(cadata=made.authorities)


def test_a_server_certificate_is_replaced_in_time_and_its_authority_stays() -> None:
    made = first()
    later = NOW + DAYS * 0.7
    newer = renewed(later, made, HOSTS, DAYS)
    assert newer
    assert newer.authorities == made.authorities
    assert newer.chain != made.chain
    assert newer.key != made.key
    assert trusts(made.authorities, newer, later)


@pytest.mark.parametrize(
    "damage",
    [{"chain": ""}, {"chain": "x"}, {"key": ""}, {"key": first().key}, {"chain": first().chain, "key": first().key}],
    ids=["no certificate", "garbage", "no key", "another's key", "another authority's"],
)
def test_a_server_certificate_that_does_not_fit_is_replaced(damage: dict[str, str]) -> None:
    made = first()
    newer = renewed(NOW, replace(made, **damage), HOSTS, DAYS)
    assert newer
    assert newer.authorities == made.authorities
    assert trusts(made.authorities, newer, NOW)


def test_other_hosts_need_another_certificate() -> None:
    newer = renewed(NOW, first(), (*HOSTS, "api.example.com"), DAYS)
    assert newer
    names = leaf(newer).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "api.example.com" in names.get_values_for_type(x509.DNSName)


@pytest.mark.parametrize("damage", [{"authorities": ""}, {"authority_key": ""}, {"authority_key": first().key}])
def test_an_authority_that_can_not_sign_is_replaced(damage: dict[str, str]) -> None:
    newer = renewed(NOW, replace(first(), **damage), HOSTS, DAYS)
    assert newer
    assert trusts(newer.authorities, newer, NOW)


@pytest.mark.parametrize("step_days", [11, 29])
def test_over_the_years_whoever_trusted_a_moment_ago_trusts_now(step_days: int) -> None:
    """Twelve years of looks: at each, the newest certificate is trusted by those who know the bundle of the look before."""
    now, held, authorities = NOW, first(), 1
    while now < NOW + timedelta(days=AUTHORITY_DAYS + 700):
        now += timedelta(days=step_days)
        before, held = held, renewed(now, held, HOSTS, DAYS) or held
        assert trusts(before.authorities, held, now)
        assert trusts(held.authorities, before, now), "a replica that has not taken the new one over yet"
        bundle = x509.load_pem_x509_certificates(held.authorities.encode())
        assert len(bundle) <= 2
        authorities = max(authorities, len(bundle))
    assert authorities == 2


def test_after_a_long_sleep_everything_is_made_anew() -> None:
    late = NOW + timedelta(days=AUTHORITY_DAYS + 1)
    newer = renewed(late, first(), HOSTS, DAYS)
    assert newer
    assert trusts(newer.authorities, newer, late)
