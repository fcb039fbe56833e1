import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { configuration } from "./configuration.ts";
import { connections } from "./connections.ts";
import { controlPlane } from "./control-plane.ts";
import { controllers } from "./controllers.ts";
import { endpoints } from "./endpoints.ts";
import { health } from "./health.ts";
import { nodeList } from "./node-list.ts";
import { nodes } from "./nodes.ts";
import { policies } from "./policies.ts";
import { services } from "./services.ts";
import { underlay } from "./underlay.ts";
import { unread } from "./unread.ts";

export type Layer = (mesh: MeshSnapshot) => readonly Finding[];

/**
 * In the order in which a cause comes before its effects, and in which a person would look: what lies deeper explains
 * what lies above it. The lists of Cilium's Cluster Mesh troubleshooting guide and of the seeds, turned into code.
 */
export const layers: readonly Layer[] = [
  nodes,
  underlay,
  controlPlane,
  configuration,
  connections,
  nodeList,
  endpoints,
  services,
  policies,
  health,
  controllers,
  unread,
];

/** What is wrong, the deepest cause first; what is broken comes before what is suspect or could not be read. */
export function diagnose(mesh: MeshSnapshot): Finding[] {
  const found = layers.flatMap((layer) => layer(mesh));
  return (["broken", "suspect", "unread"] as const).flatMap((s) => found.filter((f) => f.severity === s));
}
