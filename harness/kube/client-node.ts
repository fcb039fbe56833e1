import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Kubernetes' client library, loaded when a cluster is first talked to: half a second that listing suites need not wait. */
export const clientNode = (): typeof import("@kubernetes/client-node") =>
  require("@kubernetes/client-node") as typeof import("@kubernetes/client-node");
