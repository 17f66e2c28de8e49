"""The parts of the node: binaries, certificates, components, add-ons, images."""

from __future__ import annotations

import io
import json
import re
import ssl
import tarfile
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from tests.cluster import addons, binaries, families, images, pki, toolchain
from tests.cluster.components import Component, components, config_files
from tests.cluster.layout import GO_MODULES, Addresses, ClusterError, Layout

BLOCK = IPv4Network("10.201.0.0/16")

MODULES = sorted(GO_MODULES.glob("*/go.mod"))


def test_every_module_is_built_and_every_family_has_one() -> None:
    assert {m.parent.name for m in MODULES} == {f.name for f in families.FAMILIES}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.parent.name)
def test_every_tool_is_pinned(path: Path) -> None:
    text = path.read_text()
    found = binaries.tools(text)
    assert found
    required = dict(re.findall(r"^\s*(?:require )?(\S+) (v\S+)", text, re.MULTILINE))
    own = re.findall(r"^module (\S+)$", text, re.MULTILINE)  # of a main.go beside it
    for tool in found:
        assert tool in own or any(tool == module or tool.startswith(module + "/") for module in required), tool


def test_kubernetes_staging_modules_are_of_its_own_release() -> None:
    text = (GO_MODULES / "kubernetes" / "go.mod").read_text()
    release = binaries.required_version(text, "k8s.io/kubernetes").removeprefix("v1.")
    replaced = re.findall(r"^\t(k8s\.io/\S+) => (\S+) (v\S+)$", text, re.MULTILINE)
    assert len(replaced) > 30
    assert all(old == new and version == f"v0.{release}" for old, new, version in replaced)


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("k8s.io/kubernetes/cmd/kubelet", "kubelet"),
        ("go.etcd.io/etcd/server/v3", "server"),
        ("a.example/v2/cmd/x", "x"),
    ],
)
def test_programs_are_called_as_go_calls_them(package: str, name: str) -> None:
    assert binaries.program(package) == name


def test_a_family_is_built_again_when_anything_about_it_changes(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module a\n")
    (tmp_path / "go.sum").write_text("")
    family = families.Family("a")
    before = binaries.stamp(family, tmp_path, "go1.26.6")
    assert binaries.stamp(family, tmp_path, "go1.26.6") == before
    others = [
        binaries.stamp(family, tmp_path, "go1.26.7"),
        binaries.stamp(families.Family("a", tags="seccomp"), tmp_path, "go1.26.6"),
    ]
    (tmp_path / "go.sum").write_text("b v1 h1:x\n")
    others.append(binaries.stamp(family, tmp_path, "go1.26.6"))
    (tmp_path / "main.go").write_text("package main\n")
    others.append(binaries.stamp(family, tmp_path, "go1.26.6"))
    assert len({before, *others}) == 5


def test_go_releases_compare_as_numbers() -> None:
    assert toolchain.release("go1.26.10") > toolchain.release("1.26.6") > toolchain.release("go1.9")
    assert all(toolchain.needed_go(path.parent.name) >= (1, 26) for path in MODULES)


def test_a_go_that_serves_the_node_is_enough_for_it_and_what_is_fetched_serves_all() -> None:
    node = [family.name for family in families.chosen()]
    newest = max(toolchain.needed_go(path.parent.name) for path in MODULES)
    fetched = ".".join(map(str, newest))
    newer = max(MODULES, key=lambda path: toolchain.needed_go(path.parent.name)).parent.name
    own = toolchain.Go(Path("go"), "go" + ".".join(map(str, max(map(toolchain.needed_go, node)))))
    assert toolchain.missing_go([own], node) == ""
    assert toolchain.missing_go([own], [*node, newer]) == ("" if newer in node else fetched)
    assert toolchain.missing_go([own, toolchain.Go(Path("other"), f"go{fetched}")], [newer]) == ""
    assert toolchain.missing_go([], node) == fetched


def test_who_has_too_old_a_go_hears_for_what_and_where_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "go"
    program.write_text("#!/bin/sh\necho go1.25.9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ClusterError) as told:
        toolchain.go_for(Layout(tmp_path / "state"), "prometheus")
    assert f"needed to build prometheus, but {program} is go1.25.9: run `tests/cluster/bootstrap cluster prom" in str(
        told.value
    )
    program.write_text("#!/bin/sh\necho go1.99.0\n")
    assert toolchain.go_for(Layout(tmp_path / "state"), "prometheus") == (program, "go1.99.0")


def test_a_kubeconfig_is_private_and_its_certificate_proves_the_user(tmp_path: Path) -> None:
    authority = pki.write_control_plane(tmp_path / "pki", ["10.201.255.2"])
    pki.write_admin(tmp_path / "kubeconfig", "https://10.201.255.2:6443", authority, "dagy")
    assert (tmp_path / "kubeconfig").stat().st_mode & 0o777 == 0o600
    assert all(f.stat().st_mode & 0o077 == 0 for f in (tmp_path / "pki").iterdir())
    config = yaml.safe_load((tmp_path / "kubeconfig").read_text())
    assert config["current-context"] == config["contexts"][0]["name"] == "dagy"
    assert config["clusters"][0]["cluster"]["server"] == "https://10.201.255.2:6443"
    server = x509.load_pem_x509_certificate((tmp_path / "pki" / "apiserver.crt").read_bytes())
    server.verify_directly_issued_by(authority.certificate)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert IPv4Address("10.201.255.2") in names.get_values_for_type(x509.IPAddress)
    ssl.create_default_context(cafile=str(tmp_path / "pki" / "ca.crt"))


def test_components_know_each_others_addresses() -> None:
    addresses = Addresses(BLOCK)
    files = config_files(addresses, "nameserver 127.0.0.53\n")
    assert yaml.safe_load(files["kubelet.yaml"])["clusterDNS"] == [addresses.dns_service_ip]
    assert f"bind {addresses.host_ip}" in files["Corefile"]
    cni = json.loads(files["cni/10-dagy.conflist"])
    assert cni["plugins"][0]["ipam"]["ranges"] == [[{"subnet": str(addresses.pods)}]]
    by_name = {c.name: c for c in components(addresses)}
    assert f"--service-cluster-ip-range={addresses.services}" in by_name["kube-apiserver"].argv
    assert [c.name for c in by_name.values() if c.network == "host"] == ["coredns"]


def test_components_reach_the_node_as_json() -> None:
    assert Component("a", ["a", "-b"]).to_json() == {"name": "a", "argv": ["a", "-b"], "network": "node", "env": {}}


def test_add_ons_have_one_default_storage_class_with_volumes() -> None:
    objects = addons.manifests(Addresses(BLOCK))
    [storage] = [o for o in objects if o["kind"] == "StorageClass"]
    assert storage["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    volumes = [o for o in objects if o["kind"] == "PersistentVolume"]
    assert {v["spec"]["storageClassName"] for v in volumes} == {storage["metadata"]["name"]}
    assert len({v["spec"]["local"]["path"] for v in volumes}) == addons.VOLUMES


def test_an_image_is_made_from_contents_not_from_times(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "a"
    file.write_text("1")
    first = images.content_hash(tmp_path)
    file.touch()
    assert images.content_hash(tmp_path) == first
    file.chmod(0o755)
    executable = images.content_hash(tmp_path)
    file.rename(tmp_path / "sub" / "b")
    renamed = images.content_hash(tmp_path)
    assert len({first, executable, renamed}) == 3


def test_an_archive_with_two_images_is_refused(tmp_path: Path) -> None:
    index = json.dumps({"manifests": [{"digest": "sha256:a"}, {"digest": "sha256:b"}]}).encode()
    with tarfile.open(tmp_path / "two.tar", "w") as tar:
        member = tarfile.TarInfo("index.json")
        member.size = len(index)
        tar.addfile(member, io.BytesIO(index))
    with pytest.raises(ClusterError, match="holds 2 images"):
        images.manifest(tmp_path / "two.tar")
