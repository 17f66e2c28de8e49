/** The packages that are listed. */
import { call, stream } from "../api/client";
import type { DepPackageSummary } from "../api/schema";
import { Listing, type Row as RowOf } from "./listing";

export type Row = RowOf<DepPackageSummary>;

export const packages = new Listing<DepPackageSummary>({
  page: (query, signal) => call("GET /dep-packages:summaries", { query, signal }),
  changes: (query, signal) => stream("GET /dep-packages:watch", { query, headers: { accept: "text/event-stream" }, signal }),
  event: "package",
  words: (data) => [data.display_name, `${data.namespace}/${data.name}`, data.slug, data.message, data.build_status],
});

export const { covers, live, onChange, rows, version } = packages;
