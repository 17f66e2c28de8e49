"""Every name that more than one place must agree on: API group, labels, annotations, finalizer, Python versions.

Nothing else in the project spells these strings; tests/model/test_names.py sees to it.
"""

GROUP = "dagy.io"
VERSION = "v1"
API_VERSION = f"{GROUP}/{VERSION}"

DEPPACKAGE_KIND = "DepPackage"
DEPPACKAGE_PLURAL = "deppackages"
SLUGCLAIM_KIND = "SlugClaim"
SLUGCLAIM_PLURAL = "slugclaims"

PYTHON_VERSIONS = ("3.10", "3.11", "3.12", "3.13")
MAX_DEPENDENCIES = 200
MAX_REQUIREMENT_LENGTH = 512

FINALIZER = f"{GROUP}/artifacts"
FIELD_MANAGER = "dagy-operator"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "dagy-operator"
LABEL_SLUG = f"{GROUP}/slug"
LABEL_PACKAGE_UID = f"{GROUP}/package-uid"
LABEL_STEP = f"{GROUP}/job"
"""`validate` or `build`, on Jobs, their pods and their ConfigMaps."""
LABEL_INPUT_HASH = f"{GROUP}/input-hash"
LABEL_ATTEMPT = f"{GROUP}/attempt"

ANNOTATION_PACKAGE = f"{GROUP}/package"
"""namespace/name of the DepPackage that a Job belongs to; too long for a label."""
ANNOTATION_LOG_KEPT = f"{GROUP}/log-kept"
"""On a Job whose log lies in S3: the log's URI."""
REQUEST_VALIDATE = f"{GROUP}/validate"
REQUEST_BUILD = f"{GROUP}/build"
REQUEST_REFRESH = f"{GROUP}/refresh"
REQUEST_CANCEL = f"{GROUP}/cancel"
