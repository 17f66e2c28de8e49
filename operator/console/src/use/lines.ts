/** Lines that attach packages, ready to be copied: for the command line, Python, HTTP and Kubernetes. Pure.
 *
 * tests/console/test_use.py carries out each of them as it stands here. */

export interface Attached {
  namespace: string;
  name: string;
  /** Slugs, or SLUG@sha256, in the order of precedence. */
  packages: string[];
  /** Address of the API without a slash at its end; null where the console's own is none that others reach. */
  api: string | null;
  python: string;
}

const FLOW = "my-pipeline";
const HOST = "$DAGY_API_URL";

export const deployCommand = ({ namespace, packages }: Attached) => `dagy deploy artifact.zip \\
  --namespace ${namespace} \\
  --deployment ${FLOW} \\
  --dep-packages ${packages.join(" ")}`;

export const deployProgram = ({ namespace, packages, api }: Attached) => `from dagy.deploy import deploy_artifact

result = deploy_artifact(
    artifact_path="./dist/artifact.zip",
    deployment_name="${FLOW}",
    flow_name="daily_etl",
    flow_version="1",
    namespace=${JSON.stringify(namespace)},${api ? `\n    api_url=${JSON.stringify(api)},` : ""}
    dep_package_slugs=[${packages.map((one) => JSON.stringify(one)).join(", ")}],
)`;

export const completeBody = ({ packages }: Attached) =>
  JSON.stringify(
    {
      upload_id: "UPLOAD_ID",
      artifact_key: "ARTIFACT_KEY",
      parts: [{ part_number: 1, etag: "ETAG" }],
      deployment_name: FLOW,
      flow_name: "daily_etl",
      flow_version: "1",
      dep_package_slugs: packages,
    },
    null,
    2,
  );

export const completeCall = ({ namespace, api }: Attached) => `curl -X POST "${api ?? HOST}/uploads/complete?namespace=${namespace}" \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -d @complete.json`;

export const lookUpCall = ({ packages, api }: Attached) => `curl "${api ?? HOST}/dep-packages/by-slug/${packages[0]!.split("@")[0]}" \\
  -H "Authorization: Bearer $TOKEN"`;

/** In quotes, because YAML takes names of digits, and slugs such as 123E4567, for numbers. */
export const podManifest = ({ namespace, packages, python }: Attached) => `apiVersion: v1
kind: Pod
metadata:
  name: ${FLOW}
  namespace: ${JSON.stringify(namespace)}
  annotations:
    dagy.io/dep-packages: ${JSON.stringify(packages.join(","))}
spec:
  restartPolicy: Never
  containers:
    - name: main
      image: python:${python}-slim
      command: [python, -m, site]`;

export const waitCommand = ({ namespace, name }: Attached) => `kubectl wait --namespace ${namespace} \\
  --for=condition=Settled deppackage/${name} \\
  --timeout=30m`;
