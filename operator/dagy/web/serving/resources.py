"""Our kinds with the caller's rights: 404 for what the caller may not see, 403 for what they may not do to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from dagy.adapters.kube import reviews, watches
from dagy.adapters.kube.api import Json, KubeApi, KubeError, Page, custom_path
from dagy.core.rest import view as rest_view
from dagy.core.rest.idempotency import has_made
from dagy.core.rest.reasons import ApiReason
from dagy.model import constants as names
from dagy.web.serving.problems import ProblemError

T = TypeVar("T")
_TRIES = 5
_VERBS = {"create": "create", "update": "change", "patch": "change", "delete": "delete"}


@dataclass(frozen=True)
class Resource:
    """One kind."""

    kind: str
    plural: str
    noun: str
    """Its name in sentences."""
    command: str
    """Group of the command line that lists them."""
    to_edit: str
    """The role that lets somebody write them, and what that means."""

    async def find(self, api: KubeApi, namespace: str, name: str) -> Json | None:
        """Return the object, or None when there is none that the caller may see."""
        try:
            return await api.get(custom_path(self.plural, namespace, name))
        except KubeError as error:
            if error.status == 403:
                return None
            raise

    async def get(self, api: KubeApi, namespace: str, name: str) -> Json:
        """Return the object. Raises ProblemError (404)."""
        found = await self.find(api, namespace, name)
        if found is None:
            raise self.missing(namespace, name)
        return found

    def missing(self, namespace: str, name: str) -> ProblemError:
        """There is none, or none that may be seen: which of the two is not told."""
        return ProblemError(
            ApiReason.NOT_FOUND,
            f"There is no {self.noun} {namespace}/{name} that you may see. `dagy {self.command} list` shows those that "
            "there are.",
        )

    async def page(self, api: KubeApi, namespace: str | None, limit: int, token: str, **query: Any) -> Page:
        """Some objects of one namespace, or of all. Raises ProblemError (403, 404)."""
        try:
            return await api.page(custom_path(self.plural, namespace), limit, token, **query)
        except KubeError as error:
            if error.status != 403:
                raise
        raise self.unlisted(namespace)

    async def changes(self, api: KubeApi, namespace: str | None, version: str) -> AsyncGenerator[Sequence[Json], None]:
        """As `watches.changes`. Raises ProblemError (403, 404), too."""
        try:
            async with aclosing(watches.changes(api, custom_path(self.plural, namespace), version)) as found:
                async for events in found:
                    yield events
        except KubeError as error:
            if error.status != 403:
                raise
            raise self.unlisted(namespace) from None

    def unlisted(self, namespace: str | None) -> ProblemError:
        """The caller may not list those of a namespace, or of all."""
        if namespace:
            return self._no_namespace(namespace)
        return ProblemError(
            ApiReason.NAMESPACE_REQUIRED,
            f"You may not list the {self.noun}s of all namespaces. Name one that you may, e.g. ?namespace=default.",
        )

    def _no_namespace(self, namespace: str) -> ProblemError:
        return ProblemError(
            ApiReason.NOT_FOUND,
            f"There is no namespace {namespace} whose {self.noun}s you may see. Correct the name, or ask its "
            "administrator for the role dagy-view.",
        )

    async def create(
        self, api: KubeApi, namespace: str, name: str, spec: Json, annotations: Mapping[str, str] | None = None
    ) -> Json:
        """Return the new object. Raises ProblemError (403, 404, 409, 422)."""
        metadata = {"name": name, "annotations": dict(annotations or {})}
        body = {"apiVersion": names.API_VERSION, "kind": self.kind, "metadata": metadata, "spec": spec}
        try:
            return await api.post(custom_path(self.plural, namespace), body)
        except KubeError as error:
            raise await self._refusal(api, error, "create", namespace, name) from error

    async def create_once(
        self, api: KubeApi, namespace: str, name: str, spec: Json, mark: Mapping[str, str] | None
    ) -> Json:
        """Return the new object, or the one that a request with the same `mark` has made. Raises as `create`."""
        try:
            return await self.create(api, namespace, name, spec, mark)
        except ProblemError as error:
            if error.reason is not ApiReason.ALREADY_EXISTS or not mark:
                raise
            present = await self.find(api, namespace, name)
            if present is None or not has_made(mark, present):
                raise
            return present

    async def create_only(
        self, api: KubeApi, namespace: str, name: str, spec: Json, mark: Mapping[str, str] | None
    ) -> Json:
        """As `create_once`. Raises ProblemError: 412 when there is one of that name, and those of `create`."""
        try:
            return await self.create_once(api, namespace, name, spec, mark)
        except ProblemError as error:
            if error.reason is not ApiReason.ALREADY_EXISTS:
                raise
            present = await self.find(api, namespace, name)
            raise ProblemError(
                ApiReason.PRECONDITION_FAILED,
                f"There is a {self.noun} {namespace}/{name} already, and `If-None-Match: *` asks for a new one. Choose "
                "another name, or update it with its ETag as If-Match.",
                headers={"ETag": rest_view.etag(present)} if present else {},
            ) from error

    async def save(
        self,
        api: KubeApi,
        namespace: str,
        name: str,
        new_spec: Callable[[Json | None], Json],
        *,
        if_match: str | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> tuple[Json, bool]:
        """Create the object or replace its spec by `new_spec` of what there is; and whether it is new.

        Raises ProblemError: 412 when `if_match` names another state, and those of `create`.
        """
        for _ in range(_TRIES):
            present = await self.find(api, namespace, name)
            if not rest_view.matches(if_match, present):
                raise self._changed(namespace, name, present)
            try:
                if present is None:
                    return await self.create(api, namespace, name, new_spec(None), annotations), True
                return await self._replace(api, present, new_spec(present), annotations or {}), False
            except (KubeError, ProblemError) as error:
                lost = isinstance(error, KubeError) and error.status == 409
                if not lost and getattr(error, "reason", None) is not ApiReason.ALREADY_EXISTS:
                    raise
        raise ProblemError(
            ApiReason.CONFLICT, f"Others keep changing {self.noun} {namespace}/{name}. Read it again, and try again."
        )

    async def _replace(self, api: KubeApi, present: Json, spec: Json, annotations: Mapping[str, str]) -> Json:
        metadata = {**present["metadata"]}
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}
        namespace, name = metadata["namespace"], metadata["name"]
        self.refuse_while_deleting(present)
        try:
            return await api.replace(
                custom_path(self.plural, namespace, name), {**present, "metadata": metadata, "spec": spec}
            )
        except KubeError as error:
            if error.status in (404, 409):
                raise KubeError(409, "Conflict", str(error)) from error
            raise await self._refusal(api, error, "update", namespace, name) from error

    async def annotate(self, api: KubeApi, namespace: str, name: str, annotations: Mapping[str, str]) -> Json:
        """Set annotations. Raises ProblemError (403, 404)."""
        return await self.merge(api, namespace, name, {"metadata": {"annotations": dict(annotations)}})

    async def merge(self, api: KubeApi, namespace: str, name: str, patch: Json) -> Json:
        """Apply a merge patch. Raises ProblemError (403, 404), and KubeError 409 for a resourceVersion that is past."""
        path = custom_path(self.plural, namespace, name)
        return await self._write(api, "patch", namespace, name, lambda: api.merge(path, patch))

    async def delete(self, api: KubeApi, namespace: str, name: str, if_match: str | None) -> None:
        """Delete it; it goes once its objects in S3 are gone. Raises ProblemError (403, 404, 412)."""
        present = await self.get(api, namespace, name)
        if not rest_view.matches(if_match, present):
            raise self._changed(namespace, name, present)
        path, uid = custom_path(self.plural, namespace, name), present["metadata"]["uid"]
        await self._write(api, "delete", namespace, name, lambda: api.delete(path, uid=uid))

    def refuse_while_deleting(self, present: Json) -> None:
        """Raise ProblemError (409) when the object is on its way out."""
        metadata = present["metadata"]
        if "deletionTimestamp" in metadata:
            raise ProblemError(
                ApiReason.BEING_DELETED,
                f"The {self.noun} {metadata['namespace']}/{metadata['name']} is being deleted. Wait until it is gone, "
                "then create it again.",
            )

    async def _write(self, api: KubeApi, verb: str, namespace: str, name: str, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await call()
        except KubeError as error:
            raise await self._refusal(api, error, verb, namespace, name) from error

    def _changed(self, namespace: str, name: str, present: Json | None) -> ProblemError:
        now = f"its ETag is {rest_view.etag(present)} now" if present else "it does not exist"
        headers = {"ETag": rest_view.etag(present)} if present else {}
        return ProblemError(
            ApiReason.PRECONDITION_FAILED,
            f"The {self.noun} {namespace}/{name} is not in the state that If-Match names: {now}. Read it again, apply "
            "your change to that, and send the new ETag.",
            headers=headers,
        )

    async def _refusal(self, api: KubeApi, error: KubeError, verb: str, namespace: str, name: str) -> Exception:
        if error.status == 409 and error.reason == "AlreadyExists":
            return self._exists(namespace, name)
        if error.status == 404:
            return self._no_namespace(namespace) if verb == "create" else self.missing(namespace, name)
        if error.status != 403 or await reviews.may(
            api, verb, self.plural, namespace, "" if verb == "create" else name
        ):
            return error
        return await self._forbidden(api, verb, namespace, name)

    async def require(self, api: KubeApi, verb: str, namespace: str) -> None:
        """Raise ProblemError (403, 404) unless the caller may do that to objects of a namespace."""
        if not await reviews.may(api, verb, self.plural, namespace):
            raise await self._forbidden(api, verb, namespace, "")

    async def _forbidden(self, api: KubeApi, verb: str, namespace: str, name: str) -> ProblemError:
        """Return the refusal: 403 for callers who may see it, but do no more; to anybody else it does not exist."""
        whole = verb == "create" or not name
        if whole:
            visible = await reviews.may(api, "list", self.plural, namespace)
            hidden = self._no_namespace(namespace)
        else:
            visible = await self.find(api, namespace, name) is not None
            hidden = self.missing(namespace, name)
        if not visible:
            return hidden
        what = f"{self.noun}s in namespace {namespace}" if whole else f"{self.noun} {namespace}/{name}"
        return ProblemError(
            ApiReason.FORBIDDEN,
            f"You may see the {what}, but not {_VERBS[verb]} {'them' if whole else 'it'}. Ask the "
            f"namespace's administrator for the role {self.to_edit}.",
        )

    def _exists(self, namespace: str, name: str) -> ProblemError:
        return ProblemError(
            ApiReason.ALREADY_EXISTS,
            f"There is a {self.noun} {namespace}/{name} already. Update it with PUT "
            f"{self.location(namespace, name)}, or choose another name.",
            headers={"Location": self.location(namespace, name)},
        )

    def location(self, namespace: str, name: str) -> str:
        """Path of the object in this API."""
        return f"{_PATHS[self.kind]}/{namespace}/{name}"


_PATHS = {names.DEPPACKAGE_KIND: "/dep-packages", names.FLOWDEPLOYMENT_KIND: "/deployments"}
PACKAGES = Resource(names.DEPPACKAGE_KIND, names.DEPPACKAGE_PLURAL, "package", "packages", names.PACKAGE_EDIT_ROLE)
_FLOW_EDIT = (
    f"{names.FLOW_EDIT_ROLE} (whoever has it can start pods there, under any service account and with any Secret)"
)
DEPLOYMENTS = Resource(names.FLOWDEPLOYMENT_KIND, names.FLOWDEPLOYMENT_PLURAL, "deployment", "deployments", _FLOW_EDIT)
