/** The package of an open page. */
import { call } from "../api/client";
import type { DepPackageResponse, DepPackageSummary } from "../api/schema";
import { packages } from "../state/packages";
import { Reading } from "../state/reading";

export class Shown extends Reading<DepPackageResponse, DepPackageSummary> {
  constructor(namespace: string, name: string) {
    super(packages, namespace, name, (path, signal) => call("GET /dep-packages/{namespace}/{name}", { path, signal }));
  }
}
