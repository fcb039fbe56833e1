import type { Finding } from "#harness/model/finding.ts";
import { agentKinds } from "./agents.ts";
import { apiServerKinds } from "./api-server.ts";
import { configurationKinds } from "./configuration.ts";
import { controlPlaneKinds } from "./control-plane.ts";
import type { FindingKind } from "./kind.ts";
import { objectKinds } from "./objects.ts";

const table = {
  ...controlPlaneKinds,
  ...apiServerKinds,
  ...agentKinds,
  ...configurationKinds,
  ...objectKinds,
} as const;
export type FindingId = keyof typeof table;

/** Every kind of finding by its id, which does not change: docs/reference/findings has a page for each. */
export const findingKinds: ReadonlyMap<string, FindingKind> = new Map(Object.entries(table));

/** A finding with the layer, and usually the severity, of its kind. */
export function findingOf(
  id: FindingId,
  {
    severity = table[id].severity,
    ...rest
  }: Omit<Finding, "id" | "layer" | "severity"> & Partial<Pick<Finding, "severity">>,
): Finding {
  return { id, layer: table[id].layer, severity, ...rest };
}

/** The id of findings of a layer that names only one kind. */
const ofLayer: Readonly<Record<string, FindingId>> = {
  nodes: "node-down",
  underlay: "packets-dropped",
  size: "path-too-narrow",
  "expected state": "state-differs",
  leftovers: "leftover",
  policies: "policy-denies-all",
  health: "node-unreachable",
  controllers: "controller-failing",
  evidence: "unread",
};

/** With an id, if its layer did not give one. */
export function withId(finding: Finding): Finding {
  const id = ofLayer[finding.layer];
  return finding.id !== undefined || id === undefined ? finding : { id, ...finding };
}
