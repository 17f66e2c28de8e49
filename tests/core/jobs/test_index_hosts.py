"""Which hosts packages may name."""

from __future__ import annotations

import pytest

from dagy.core.common.reasons import StateReason
from dagy.core.jobs.index_hosts import HostRules, refused_host
from dagy.core.package.plan import BuildPlan, plan_of
from dagy_builder.contract import Fault

ANY = HostRules()
OURS = HostRules(hosts=("pkg.example", ".corp.example"))


def plan(*, index: object = None, dependencies: tuple[str, ...] = ("six",)) -> BuildPlan:
    spec = {"pythonVersion": "3.12", "dependencies": list(dependencies), **({"index": index} if index else {})}
    return plan_of({"metadata": {"namespace": "a", "name": "b", "uid": "u"}, "spec": spec})


@pytest.mark.parametrize(
    ("url", "rules", "words"),
    [
        ("https://pypi.org/simple", ANY, None),
        ("https://10.0.0.7/simple", ANY, None),
        ("https://pkg.example:8443/simple", OURS, None),
        ("https://PKG.example/simple", OURS, None),
        ("https://a.b.corp.example/simple", OURS, None),
        ("https://corp.example/simple", OURS, "packages may come from pkg.example, .corp.example alone here"),
        ("https://evilcorp.example/simple", OURS, "names evilcorp.example, and packages may come from"),
        ("https://pkg.example.evil/simple", OURS, "DAGY_ALLOWED_HOSTS"),
        ("http://pkg.example/simple", OURS, "without TLS"),
        ("http://pkg.example/simple", HostRules(hosts=("pkg.example",), http=True), None),
        ("http://pypi.org/simple", ANY, "DAGY_ALLOW_HTTP_INDEXES"),
        ("https://169.254.169.254/latest", ANY, "its node"),
        ("https://127.0.0.1/simple", ANY, "the build's own pod"),
        ("https://localhost:8443/simple", ANY, "the build's own pod"),
        ("https://[::1]/simple", ANY, "the build's own pod"),
        ("https://[::ffff:169.254.169.254]/simple", ANY, "its node"),
        ("https://evil\\.pkg.example/simple", OURS, None),
    ],
)
def test_hosts_of_indexes(url: str, rules: HostRules, words: str | None) -> None:
    """The last one has no host that all programs agree on; the validation refuses it before anybody connects."""
    for index, setting in (({"url": url}, "spec.index.url"), ({"extraUrls": [url]}, "spec.index.extraUrls")):
        failure = refused_host(plan(index=index), rules)
        if words is None:
            assert failure is None
        else:
            assert failure is not None
            assert (failure.reason, failure.fault) == (StateReason.INDEX_HOST_NOT_ALLOWED, Fault.USER)
            assert failure.message.startswith(f"{setting} names ")
            assert words in failure.message


def test_hosts_of_requirements() -> None:
    allowed = "six @ https://pkg.example/six-1.0-py3-none-any.whl"
    other = "toml @ https://files.example/toml-1.0-py3-none-any.whl"
    assert refused_host(plan(dependencies=(allowed, "idna")), OURS) is None
    failure = refused_host(plan(dependencies=(allowed, other)), OURS)
    assert failure is not None
    assert failure.message.startswith("The requirement toml @ ... names files.example, and packages may come from")
    assert refused_host(plan(dependencies=(allowed, other)), ANY) is None
