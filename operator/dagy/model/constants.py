"""Every name that more than one place must agree on: API group, labels, annotations, finalizer.

Nothing else in the project spells these strings; tests/model/test_names.py sees to it.
"""

GROUP = "dagy.io"
VERSION = "v1"
API_VERSION = f"{GROUP}/{VERSION}"

DEPPACKAGE_KIND = "DepPackage"
DEPPACKAGE_PLURAL = "deppackages"
SLUGCLAIM_KIND = "SlugClaim"
SLUGCLAIM_PLURAL = "slugclaims"
FLOWDEPLOYMENT_KIND = "FlowDeployment"
FLOWDEPLOYMENT_PLURAL = "flowdeployments"

MAX_DEPENDENCIES = 200
MAX_REQUIREMENT_LENGTH = 512
MAX_ATTACHED_PACKAGES = 20

FINALIZER = f"{GROUP}/artifacts"
FIELD_MANAGER = "dagy-operator"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "dagy-operator"
LABEL_SLUG = f"{GROUP}/slug"
LABEL_PACKAGE_UID = f"{GROUP}/package-uid"
LABEL_JOB_KIND = f"{GROUP}/job"
"""`validate` or `build`, on Jobs, their pods and their ConfigMaps."""
LABEL_INPUT_HASH = f"{GROUP}/input-hash"
LABEL_ATTEMPT = f"{GROUP}/attempt"

INDEX_CREDENTIALS_TYPE = f"{GROUP}/index-credentials"
"""Type of the Secrets that hold credentials for package indexes; Secrets of other types are never used."""
INDEX_CREDENTIALS_ROLE = "dagy-index-credentials-reader"
"""ClusterRole that lets the operator read them in a namespace where it is bound."""
PACKAGE_EDIT_ROLE = "dagy-package-edit"
"""ClusterRole that lets users write packages where it is bound."""
FLOW_EDIT_ROLE = "dagy-flow-edit"
"""ClusterRole that lets them write flow deployments, and so start pods."""
OPERATOR_ACCOUNT = ("dagy-system", "dagy-operator")
"""Namespace and name of the operator's service account in manifests/."""
SYSTEM_NAMESPACE = OPERATOR_ACCOUNT[0]
API_SERVICE = "dagy-api"
"""The API's Service in that namespace, and the value of its pods' label app.kubernetes.io/name."""
API_PORT = 8443
API_CONFIG_MAP = "dagy-api-authority"
"""ConfigMap there in which the API tells others how to reach it, and by which certificate it is known."""
API_AUTHORITY_KEY, API_URL_KEY, API_PROXIED_URL_KEY = "ca.crt", "url", "proxied-url"

ANNOTATION_PACKAGE = f"{GROUP}/package"
"""namespace/name of the DepPackage that a Job belongs to; too long for a label."""
ANNOTATION_LOG_KEPT = f"{GROUP}/log-kept"
"""On a Job whose log lies in S3: the log's URI."""
ANNOTATION_FAILURE = f"{GROUP}/failure"
"""On a Job that failed: why, as JSON, so that it stays known when the pod is gone."""
REQUEST_VALIDATE = f"{GROUP}/validate"
REQUEST_BUILD = f"{GROUP}/build"
REQUEST_REFRESH = f"{GROUP}/refresh"
REQUEST_CANCEL = f"{GROUP}/cancel"

ATTACH_PACKAGES = f"{GROUP}/dep-packages"
"""On a pod: slugs separated by commas, each optionally pinned as SLUG@sha256; the first takes precedence."""
PACKAGES_FROM = f"{GROUP}/packages-from"
"""On a pod or on its namespace: other namespaces, separated by commas, whose packages a slug may mean."""
ATTACH_FLOW = f"{GROUP}/flow-artifact"
"""On a pod: JSON {deployment, sha256, sizeBytes} of the flow's own code, of a FlowDeployment in the same namespace."""
ATTACH_PYTHON_VERSION = f"{GROUP}/python-version"
"""On a pod: Python minor version of its images, where their tags don't tell."""
ATTACH_PYTHONPATH = f"{GROUP}/pythonpath"
"""On a pod: the PYTHONPATH that its images set themselves, which can't be seen from outside; kept, as the last."""
ATTACH_MEDIUM = f"{GROUP}/attach-medium"
"""On a pod: `Memory` for packages that lie in memory, which is faster, and part of what the pod uses."""
ATTACHED = f"{GROUP}/attached"
"""On a pod, written at admission: JSON of what was attached."""
ATTACH_CONTAINER = "dagy-attach"
"""Name of the init container, of its volumes' prefix, and of the webhook's configuration."""
API_AUDIENCE = f"{GROUP}/api"
"""Audience of the service account tokens with which pods authenticate at the API."""

LABEL_FLOW = f"{GROUP}/flow-deployment"
"""Name of the FlowDeployment, on its revisions, CronJob, Jobs and pods."""
LABEL_REVISION = f"{GROUP}/revision"
"""Number of the revision, on revisions, Jobs and pods."""
LABEL_USES_PREFIX = f"uses.{GROUP}/"
"""On a revision: this prefix and a slug, for each package whose artifact it pins."""
ANNOTATION_RUN = f"{GROUP}/run"
"""On a FlowDeployment: asks for a run. On the run's Job: the value that asked for it."""
FORCE_DELETE = f"{GROUP}/force-delete"
"""On a DepPackage: "true" lets it be deleted although flows use it."""
FLOW_CONTAINER = "flow"
"""Name of the container of a run."""
