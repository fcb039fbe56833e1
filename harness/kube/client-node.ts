import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Kubernetes' client library, loaded at the first request: loading takes half a second, which listing suites avoids. */
export const clientNode = (): typeof import("@kubernetes/client-node") =>
  require("@kubernetes/client-node") as typeof import("@kubernetes/client-node");
