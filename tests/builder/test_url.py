"""URLs are read once: what was decided about is what is connected to, and what can be read in two ways is refused."""

from __future__ import annotations

import dataclasses
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dagy_builder.indexes.credentials import Credential, best_for
from dagy_builder.indexes.upstream import Upstream, UpstreamError
from dagy_builder.url import IndexUrl, why_unclear

ORIGIN = "https://nexus.example:8443"
SECRET = Credential("Secret s", IndexUrl(f"{ORIGIN}/repository/"), "ci", "hunter2-hunter2")
UNCLEAR = [
    "https://evil\\@nexus.example/",
    "https://nexus.example\\.evil/",
    "https://nexus.example/a\\b",
    "https://user@nexus.example/",
    "https://user:password@nexus.example/",
    "https://@nexus.example/",
    "https://nexus.example /",
    "https://nexus.example/a b",
    "https://nexus.example/a\tb",
    "https://nexus.example/\r\nHost:evil",
    "\thttps://nexus.example/",
    "https://nexus.example\x00.evil/",
    "https://nexüs.example/",
    "https://ⓔvil.example/",
    "https://nexus。example/",
    "https://nexus.example:port/",
    "https://nexus.example:99999/",
    "https://nexus.example:0/",
    "https://nexus.example:1:2/",
    "https://nexus%2eexample/",
    "https:nexus.example/",
    "https:/nexus.example/",
    "https:///nexus.example/",
    "https://",
    "//nexus.example/",
    "ftp://nexus.example/",
    "file:///etc/passwd",
    "https://127.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://[::1/",
    "https://[fe80::1%25eth0]/",
    "https://a..b/",
    "https://.a/",
    "https://nexus.example/a/../b",
    "https://nexus.example/a/./b",
    "https://nexus.example/a/..",
    "https://nexus.example/a/..;/b",
    "https://nexus.example/a/..;x=1/b",
    "https://nexus.example/a/%2e%2E/b",
    "https://nexus.example/a/.%2e/b",
    "https://nexus.example/a/%2e%2e%2fb",
    "https://nexus.example/a/..%2fb",
    "https://nexus.example/a/..%3b/b",
    "https://nexus.example/a%5cb",
    "https://nexus.example/a%0d%0ab",
    "https://nexus.example/a%00",
    "https://nexus.example/a%zz",
    "https://nexus.example/a%",
]


@pytest.mark.parametrize("url", UNCLEAR)
def test_what_can_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^it(s| )"):
        IndexUrl(url)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://H.Example", "https://h.example/"),
        ("HTTPS://h.example:443/a", "https://h.example/a"),
        ("http://h.example:0080/a?b=c%2Fd#e", "http://h.example/a?b=c%2Fd"),
        ("https://h:8443/a/?x='", "https://h:8443/a/?x=%27"),
        ("https://[::1]:8080/a", "https://[::1]:8080/a"),
        ("https://127.0.0.1/a", "https://127.0.0.1/a"),
        ("https://my_host/torch-2.2.1%2Bcpu.whl", "https://my_host/torch-2.2.1%2Bcpu.whl"),
        ("https://h/é[1]..x/...", "https://h/%C3%A9%5B1%5D..x/..."),
        ("https://h/api/v4/group%2Fproject;v=1", "https://h/api/v4/group%2Fproject;v=1"),
    ],
)
def test_what_every_program_reads_alike(text: str, url: str) -> None:
    assert why_unclear(text) is None
    assert str(IndexUrl(text)) == url
    assert IndexUrl(url) == IndexUrl(text)


def test_nothing_but_its_text_makes_one() -> None:
    with pytest.raises(TypeError):
        dataclasses.replace(IndexUrl("https://h/"), host="evil")


@pytest.mark.parametrize(
    "reference", ["https://evil\\@nexus.example/", "\\\\evil/x", "a\tb", "//user@evil/", "//evil:x/"]
)
def test_links_and_redirects_are_read_in_the_same_way(reference: str) -> None:
    with pytest.raises(ValueError, match=r"^it(s| )"):
        IndexUrl(f"{ORIGIN}/simple/six/").leads_to(reference)


_WORDS = [
    "https:",
    "http:",
    "//",
    "/",
    "\\",
    "@",
    ":",
    "?",
    "#",
    ";",
    "..",
    "..;",
    "%5c",
    "%2f",
    "%40",
    "%00",
    "evil.example",
    "nexus.example",
    "nexus.example:8443",
    "8443",
    "/repository/",
    "[::1]",
    "127.1",
    "é",
    "。",
    "user",
    "\t",
    "\n",
    " ",
]
_PIECES = st.sampled_from(_WORDS)
_URLS = st.one_of(
    st.lists(_PIECES, max_size=10).map(lambda parts: "".join(["https://", *parts])),
    st.text(max_size=30).map(lambda text: f"{ORIGIN}{text}"),
    st.text(max_size=30).map(lambda text: f"https://{text}@nexus.example:8443/repository/"),
)


@settings(deadline=None)
@given(_URLS)
@example("https://evil.example\\@nexus.example:8443/repository/x/")
@example("https://evil.example\t@nexus.example:8443/repository/x/")
def test_the_sockets_host_is_the_decisions(text: str) -> None:
    """Whatever the text: either nothing is connected to, or the name that is looked up is the one that was compared."""
    looked_up: list[tuple[str, int]] = []

    def lookup(host: str, port: int, *_: object, **__: object) -> object:
        looked_up.append((host, port))
        raise socket.gaierror(socket.EAI_NONAME, "a test looks nothing up")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lookup)
        try:
            url = IndexUrl(text)
        except ValueError:
            return
        decided = best_for(url, [SECRET])
        with pytest.raises(UpstreamError):
            Upstream([SECRET], proxies={}).fetch("GET", url, {})
    assert looked_up == [(url.host.strip("[]"), url.port)]
    # Another parser finds the same host and port in it, and only that one gets the credentials.
    assert urlsplit(str(url)).hostname == url.host.strip("[]")
    assert decided is None or looked_up == [("nexus.example", 8443)]
