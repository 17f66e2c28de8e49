/** The flow deployments that are listed. */
import { call, stream } from "../api/client";
import type { DeploymentSummary } from "../api/schema";
import { Listing, type Row } from "./listing";

export type FlowRow = Row<DeploymentSummary>;

export const flows = new Listing<DeploymentSummary>({
  page: (query, signal) => call("GET /deployments:summaries", { query, signal }),
  changes: (query, signal) => stream("GET /deployments:watch", { query, headers: { accept: "text/event-stream" }, signal }),
  event: "deployment",
  words: (data) => [
    `${data.namespace}/${data.name}`,
    `${data.flow_name} ${data.flow_version}`,
    ...data.dep_package_slugs,
    ...data.packages.flatMap((one) => [one.slug, one.name]),
    data.message,
    data.last_run?.phase,
  ],
});
