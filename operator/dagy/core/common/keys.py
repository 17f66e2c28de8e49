"""Keys of objects in the bucket, and the one gate through which text becomes a key. Pure.

Status, labels, annotations, specs, records and logs are text that others may have written, and the credentials with
which objects are read, signed and deleted reach everybody's. So stores take `ObjectKey` and `Prefix`, which only
this module makes: of what it knows (namespace, the slug of a claim, the package's UID, hashes), or of a text that has
exactly the form of such a key.

Each package writes below a folder of its own, named by its UID. A namesake that comes after it has another one, so that
no latecomer (an operator that slept, a pod on a lost node) can meet the objects of the namesake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import InitVar, dataclass

from dagy.core.common.slug import OwnedSlug
from dagy.model.status import ArtifactStatus
from dagy_builder.keys import Build, BuildKeys, artifact_prefix, sidecar_key
from dagy_builder.keys import uri as uri_of
from dagy_builder.platforms import MACHINES

LOG_NAME = "build.log"
_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"  # RFC 1123
_UID = "[A-Za-z0-9-]{1,64}"
_MACHINE = "|".join(MACHINES.values())
_STEM = rf"[0-9a-f]{{16}}-cp3[0-9]{{1,2}}-manylinux_2_[0-9]{{1,2}}_(?:{_MACHINE})"
_ZIP = rf"{_STEM}-[0-9a-f]{{16}}\.zip"
_BESIDE = rf"{_STEM}-[0-9a-f]{{16}}\.(?:pylock\.toml|contents\.txt\.gz|sbom\.cdx\.json|build\.log|build\.json)"
_RECORD = rf"{_STEM}(?:-fast|-small)?(?:-bytecode)?\.build\.json"
_LOCK, _LOG = r"resolutions/[0-9a-f]{1,32}\.json", r"logs/[a-z0-9][a-z0-9.-]*\.log"
_OBJECT = re.compile("|".join((_ZIP, _BESIDE, _RECORD, _LOCK, _LOG)))
_ARTIFACT, _BUILD_RECORD, _RESOLUTION = re.compile(_ZIP), re.compile(_RECORD), re.compile(_LOCK)
_FLOW_FILE = re.compile(rf"({_LABEL})/([0-9a-f]{{64}})\.zip")
_RETAINED, _TRACE = "retained", "claimed"
_DELETED = "_deleted"  # no namespace is called like that


class _Seal:
    """A mark that only this module has."""


_SEAL = _Seal()


def _check(seal: _Seal) -> None:
    if seal is not _SEAL:
        raise TypeError("Only dagy.core.common.keys makes keys.")


@dataclass(frozen=True, order=True)
class ObjectKey:
    """The key of one object, which may be read, signed and deleted on behalf of its package or deployment."""

    text: str
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        _check(seal)


@dataclass(frozen=True, order=True)
class Prefix:
    """A prefix of keys whose objects may all be deleted."""

    text: str
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        _check(seal)


@dataclass(frozen=True)
class Location:
    """The bucket and the registry, and the parts of them that are DAGY's."""

    bucket: str
    prefix: str = ""
    registry: str = ""
    """HOST[:PORT]/PATH below which images lie; empty where there is no registry."""

    def uri(self, key: ObjectKey) -> str:
        """Return the object as a URI."""
        return uri_of(self.bucket, key.text)

    def path(self, *parts: str) -> str:
        """Text of a folder; it ends with a slash."""
        return "/".join(part for part in (self.prefix.strip("/"), *parts) if part) + "/"

    def inside(self, uri: str, folder: str) -> str | None:
        """Return the part of the URI below the folder; None when it lies elsewhere."""
        start = uri_of(self.bucket, folder)
        return uri.removeprefix(start) if uri.startswith(start) else None

    def traces(self, namespace: str, slug: str, uid: str) -> Prefix:
        """Return the folder of the package with that UID at a slug that may have been its own; only it writes there."""
        if not all(map(re.fullmatch, (_LABEL, "[A-Z0-9]{8}", _UID), (namespace, slug, uid))):
            raise ValueError(f"{namespace!r}, {slug!r} and {uid!r} name no package's folder")
        return Prefix(self.path(namespace, slug, uid), _SEAL)

    @property
    def deleted(self) -> Prefix:
        """The notes of packages that were deleted a short while ago."""
        return Prefix(self.path(_DELETED), _SEAL)

    def deleted_in(self, listed: str) -> tuple[ObjectKey, Prefix] | None:
        """Return, for a listed key below `deleted`, the note itself and the folder of the package that it speaks of."""
        parts = listed.removeprefix(self.deleted.text).split("/")
        forms = (_LABEL, "[A-Z0-9]{8}", _UID)
        if len(parts) != len(forms) or not all(map(re.fullmatch, forms, parts)):
            return None
        return ObjectKey(self.path(_DELETED) + "/".join(parts), _SEAL), Prefix(self.path(*parts), _SEAL)


@dataclass(frozen=True)
class PackageHome:
    """Keys of one package's objects.

    `folder` is its own. Beside it, right below the slug, lie the objects of versions that made no folders: they are
    read and deleted like its own, and never written.
    """

    location: Location
    owned: OwnedSlug
    uid: str

    def __post_init__(self) -> None:
        if not re.fullmatch(_UID, self.uid):
            raise ValueError(f"{self.uid!r} is no UID of an object")

    @property
    def slug(self) -> str:
        """The slug."""
        return self.owned.slug

    @property
    def folder(self) -> Prefix:
        """Everything that this package writes."""
        return Prefix(self._folders[0], _SEAL)

    @property
    def earlier(self) -> Prefix:
        """Everything of the slug: earlier layouts, and the folders of the package and of its predecessors."""
        return Prefix(self._folders[1], _SEAL)

    @property
    def _folders(self) -> tuple[str, str]:
        flat = self.location.path(self.owned.key.namespace, self.slug)
        return f"{flat}{self.uid}/", flat

    def lock(self, spec_hash: str) -> ObjectKey:
        """Return the lock that was found for a spec."""
        return self.locks(spec_hash)[0]

    def locks(self, spec_hash: str) -> tuple[ObjectKey, ...]:
        """Return the keys where a spec's lock may lie, the present layout first."""
        return tuple(ObjectKey(f"{folder}resolutions/{spec_hash[:32]}.json", _SEAL) for folder in self._folders)

    def log(self, job: str) -> ObjectKey:
        """Return the log of one Job."""
        return ObjectKey(f"{self.folder.text}logs/{job}.log", _SEAL)

    def builds(self, build: Build) -> tuple[BuildKeys, ...]:
        """Return the names of a build, the present layout first."""
        return tuple(BuildKeys.of(folder, build) for folder in self._folders)

    def records(self, build: Build) -> tuple[ObjectKey, ...]:
        """Return the keys where a build's record may lie, the present layout first."""
        return tuple(ObjectKey(names.record, _SEAL) for names in self.builds(build))

    def key_of(self, uri: str | None) -> ObjectKey | None:
        """The gate: return the key of one of this package's objects; None for every other text."""
        return self._matching(uri, _OBJECT)

    def artifact_of(self, uri: str | None) -> ObjectKey | None:
        """Return the same for its ZIPs alone."""
        return self._matching(uri, _ARTIFACT)

    def beside(self, artifact: ObjectKey, name: str = "") -> ObjectKey:
        """Return the key of a file that belongs to one of its ZIPs."""
        return ObjectKey(sidecar_key(artifact.text, name), _SEAL)

    def artifact_prefix(self, artifact: ObjectKey) -> Prefix:
        """Return the prefix of a ZIP and of all that lies beside it."""
        return Prefix(artifact_prefix(artifact.text), _SEAL)

    def listed(self, key: str) -> ObjectKey | None:
        """Return a listed key as one of this package's."""
        return self.key_of(uri_of(self.location.bucket, key))

    def owns(self, artifact: ArtifactStatus) -> bool:
        """Return True when every URI of the artifact is this package's."""
        return self.artifact_of(artifact.uri) is not None and all(map(self.key_of, artifact.uris.values()))

    def is_record(self, key: ObjectKey) -> bool:
        """Return True when the object is the record of a build."""
        return self._has(key, _BUILD_RECORD)

    def is_lock(self, key: ObjectKey) -> bool:
        """Return True when the object is a lock that was found for a spec."""
        return self._has(key, _RESOLUTION)

    def is_own(self, key: ObjectKey) -> bool:
        """Return True when the object lies in the package's own folder."""
        return key.text.startswith(self.folder.text)

    def relocated(self, key: ObjectKey, to: PackageHome) -> ObjectKey:
        """Return the object's place in another package's folder."""
        return ObjectKey(to.folder.text + key.text.removeprefix(self.folder.text), _SEAL)

    @property
    def retained(self) -> ObjectKey:
        """The object by which a package that is gone tells that it has left its folder to a namesake."""
        return ObjectKey(f"{self.folder.text}{_RETAINED}", _SEAL)

    def predecessors(self, listed: Iterable[str]) -> list[PackageHome]:
        """Return the packages of the same slug with other UIDs in whose folders listed keys lie, each once, by UID."""
        below = [key.removeprefix(self.earlier.text) for key in listed if key.startswith(self.earlier.text)]
        found = [(uid, name) for uid, _, name in (key.partition("/") for key in below)]
        uids = {uid for uid, name in found if name == _RETAINED or _OBJECT.fullmatch(name)} - {self.uid}
        return [PackageHome(self.location, self.owned, uid) for uid in sorted(uids) if re.fullmatch(_UID, uid)]

    @property
    def trace(self) -> ObjectKey:
        """The object by which the slug is known as the package's, now or once."""
        return ObjectKey(f"{self.folder.text}{_TRACE}", _SEAL)

    @property
    def note_of_deletion(self) -> ObjectKey:
        """The object that tells of a package's deletion a short while ago: objects that come late are to be removed."""
        return ObjectKey(f"{self.location.deleted.text}{self.owned.key.namespace}/{self.slug}/{self.uid}", _SEAL)

    def _matching(self, uri: str | None, form: re.Pattern[str]) -> ObjectKey | None:
        for folder in self._folders:
            below = self.location.inside(uri or "", folder)
            if below is not None and form.fullmatch(below):
                return ObjectKey(folder + below, _SEAL)
        return None

    def _has(self, key: ObjectKey, form: re.Pattern[str]) -> bool:
        return any(form.fullmatch(key.text.removeprefix(folder)) for folder in self._folders)


@dataclass(frozen=True, order=True)
class FlowUpload:
    """A flow's own code: the deployment that it belongs to, and its place."""

    namespace: str
    deployment: str
    sha256: str
    key: ObjectKey


@dataclass(frozen=True)
class FlowHome:
    """Keys of the code of one namespace's flows. No slug is spelled like the folder: they are upper case."""

    location: Location
    namespace: str

    def __post_init__(self) -> None:
        if not re.fullmatch(_LABEL, self.namespace):
            raise ValueError(f"{self.namespace!r} is no namespace")

    def upload(self, deployment: str, sha256: str) -> FlowUpload:
        """A flow's own code. Raises ValueError for parts that make no key."""
        if not _FLOW_FILE.fullmatch(f"{deployment}/{sha256}.zip"):
            raise ValueError(f"{deployment!r} and {sha256!r} name no flow's code")
        key = ObjectKey(f"{self._folder}{deployment}/{sha256}.zip", _SEAL)
        return FlowUpload(self.namespace, deployment, sha256, key)

    def uploads(self, deployment: str) -> Prefix:
        """Everything that was uploaded for a deployment."""
        if not re.fullmatch(_LABEL, deployment):
            raise ValueError(f"{deployment!r} is no flow deployment's name")
        return Prefix(f"{self._folder}{deployment}/", _SEAL)

    def upload_of(self, uri: str) -> FlowUpload | None:
        """The gate: return one of this namespace's uploads; None for every other text."""
        found = _FLOW_FILE.fullmatch(self.location.inside(uri, self._folder) or "")
        return self.upload(found[1], found[2]) if found else None

    def listed(self, key: str) -> FlowUpload | None:
        """Return a listed key as one of this namespace's uploads."""
        return self.upload_of(uri_of(self.location.bucket, key))

    @property
    def _folder(self) -> str:
        return self.location.path(self.namespace, "flows")


def upload_in(location: Location, key: str) -> FlowUpload | None:
    """Return the upload at a key, as its uploader names it; None for a key that no upload has."""
    below = location.inside(uri_of(location.bucket, key), location.path()) if location.prefix else key
    namespace = (below or "").partition("/")[0]
    if not re.fullmatch(_LABEL, namespace):
        return None
    return FlowHome(location, namespace).upload_of(uri_of(location.bucket, key))
