import { nodeTroubles } from "#harness/cilium/object-conditions.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import { withoutDetails } from "#harness/semantics/pod-start.ts";

/**
 * The namespaces that may be collected in full: Cilium's, and those that Meshproof created. All others belong to
 * other users.
 */
export interface CollectedWhole {
  readonly namespaces: ReadonlySet<string>;
}

/** The fields kept of every object: its identity, and what selects it. */
const always = [
  "apiVersion",
  "kind",
  "metadata.name",
  "metadata.namespace",
  "metadata.labels.*",
  // Only annotations of the groups below.
  "metadata.annotations.*",
  "metadata.deletionTimestamp",
] as const;

/** What an admission webhook covers, and who answers for it. */
const webhookFields = [
  "webhooks[].name",
  "webhooks[].failurePolicy",
  "webhooks[].clientConfig.service.namespace",
  "webhooks[].clientConfig.service.name",
  "webhooks[].rules[].apiGroups[]",
  "webhooks[].rules[].resources[]",
  "webhooks[].rules[].operations[]",
] as const;

/**
 * The other fields kept of other users' objects and of cluster-wide objects, by file name. A kind that is not listed
 * is not kept at all. Messages of events quote commands, images and addresses, so of a warning only the words that name a
 * missing object, or what refuses a pod, are kept. The fields are names,
 * labels, ports, policies, a pod's address and node, and others that a diagnosis needs and that reveal nothing more:
 * readiness and replica counts; addresses, which the agents' own tables hold too; and a service's selector, which
 * repeats the labels of its pods. Environment, images, commands, volumes, probes, accounts and messages are never
 * kept, except what kubelet says is wrong with a node, and why Kubernetes cannot delete a namespace.
 */
export const collectedFields: Readonly<Record<string, readonly string[]>> = {
  namespaces: [
    "status.conditions[].type",
    "status.conditions[].status",
    "status.conditions[].reason",
    "status.conditions[].message",
  ],
  nodes: [
    "spec.podCIDR",
    "spec.podCIDRs[]",
    "status.addresses[].type",
    "status.addresses[].address",
    "status.conditions[].type",
    "status.conditions[].status",
    "status.conditions[].reason",
    "status.conditions[].lastTransitionTime",
  ],
  pods: [
    "spec.nodeName",
    // Then its address is the node's.
    "spec.hostNetwork",
    // What the named target port of a service is looked for in, and sidecars are told by.
    "spec.containers[].ports[].name",
    "spec.containers[].ports[].protocol",
    "spec.containers[].ports[].containerPort",
    "spec.initContainers[].ports[].name",
    "spec.initContainers[].ports[].protocol",
    "spec.initContainers[].ports[].containerPort",
    "spec.initContainers[].restartPolicy",
    "status.podIP",
    "status.podIPs[].ip",
    "status.phase",
    "status.conditions[].type",
    "status.conditions[].status",
  ],
  deployments: ["spec.replicas", "status.readyReplicas"],
  daemonsets: ["status.desiredNumberScheduled", "status.numberReady"],
  services: [
    "spec.type",
    "spec.clusterIP",
    "spec.clusterIPs[]",
    "spec.externalIPs[]",
    "spec.selector.*",
    "spec.ports[].name",
    "spec.ports[].protocol",
    "spec.ports[].port",
    "spec.ports[].targetPort",
    "spec.ports[].nodePort",
    "spec.internalTrafficPolicy",
    "spec.trafficDistribution",
    "status.loadBalancer.ingress[].ip",
  ],
  endpointslices: [
    "addressType",
    "endpoints[].addresses[]",
    "endpoints[].nodeName",
    "endpoints[].conditions.ready",
    "endpoints[].conditions.serving",
    "endpoints[].conditions.terminating",
    "ports[].name",
    "ports[].protocol",
    "ports[].port",
  ],
  networkpolicies: ["spec.**"],
  ciliumnetworkpolicies: ["metadata.generation", "spec.**", "specs[].**"],
  ciliumclusterwidenetworkpolicies: ["metadata.generation", "spec.**", "specs[].**"],
  ciliuml2announcementpolicies: ["spec.**"],
  // Without peers, communities and other attributes of routes.
  ciliumbgpadvertisements: [
    "spec.advertisements[].advertisementType",
    "spec.advertisements[].service.addresses[]",
    "spec.advertisements[].selector.**",
  ],
  ciliumbgppeeringpolicies: [
    "spec.virtualRouters[].serviceSelector.**",
    "spec.virtualRouters[].serviceAdvertisements[]",
  ],
  ciliumcidrgroups: ["spec.externalCIDRs[]"],
  ciliumendpoints: [
    "status.identity.id",
    "status.identity.labels[]",
    "status.networking.addressing[].ipv4",
    "status.networking.addressing[].ipv6",
    "status.networking.node",
    "status.state",
  ],
  serviceexports: [],
  validatingwebhookconfigurations: webhookFields,
  mutatingwebhookconfigurations: webhookFields,
  // The labels are the identity.
  ciliumidentities: ["security-labels.*"],
  ciliumnodes: [
    "spec.addresses[].type",
    "spec.addresses[].ip",
    "spec.health.ipv4",
    "spec.health.ipv6",
    "spec.ingress.ipv4",
    "spec.ingress.ipv6",
    "spec.ipam.podCIDRs[]",
    "spec.ipam.pools.allocated[].cidrs[]",
    "spec.encryption.key",
  ],
};

/** Cilium's annotations, in their former group too (`io.cilium/global-service`), and those of the MCS API. */
function isCollectedAnnotation(name: string): boolean {
  const group = name.includes("/") ? name.slice(0, name.indexOf("/")) : "";
  return (
    ["cilium.io", "multicluster.kubernetes.io"].some((g) => group === g || group.endsWith(`.${g}`)) ||
    group === "io.cilium" ||
    // The operator's mark of an identity that nothing uses.
    name === "io.cilium.heartbeat"
  );
}

/**
 * The part to keep of an object of one kind (by its plural), or undefined. It is reduced before it is stored
 * anywhere.
 */
export function collectedObject(
  plural: string,
  object: KubeObject,
  { namespaces }: CollectedWhole,
): KubeObject | undefined {
  const { namespace } = object.metadata;
  if (namespace !== undefined && namespaces.has(namespace)) return whole(object);
  if (plural === "events") return missingObjectEvent(object);
  const fields = Object.hasOwn(collectedFields, plural) ? collectedFields[plural] : undefined;
  if (fields === undefined) return undefined;
  const kept = pick(object, tree([...always, ...fields])) as KubeObject;
  const annotations = Object.entries(kept.metadata.annotations ?? {}).filter(([n]) =>
    isCollectedAnnotation(n),
  );
  const collected = { ...kept, metadata: { ...kept.metadata, annotations: Object.fromEntries(annotations) } };
  return plural === "nodes" ? withTroubles(collected, object) : collected;
}

/** With kubelet's own words on what is wrong: the conditions of other programs may say more of a machine. */
function withTroubles(kept: KubeObject, node: KubeObject): KubeObject {
  const { conditions: troubles = [] } = nodeTroubles(node);
  if (troubles.length === 0) return kept;
  const conditions = ((kept.status?.conditions ?? []) as readonly { readonly type?: unknown }[]).map((c) => {
    const message = troubles.find((t) => t.type === c.type)?.message ?? "";
    return message === "" ? c : { ...c, message };
  });
  return { ...kept, status: { ...kept.status, conditions } };
}

/** A warning that a pod waits for an object which does not exist (`secret "db" not found`), or that it is refused. */
function missingObjectEvent(event: KubeObject): KubeObject | undefined {
  const message = event.type === "Warning" ? withoutDetails(String(event.message ?? "")) : "";
  if (message === "") return undefined;
  const fields = [
    "type",
    "reason",
    "lastTimestamp",
    "eventTime",
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.namespace",
  ];
  return {
    ...(pick(
      event,
      tree(["apiVersion", "kind", "metadata.name", "metadata.namespace", ...fields]),
    ) as KubeObject),
    message,
  };
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** Without managedFields and kubectl's copy of the object. */
function whole(object: KubeObject): KubeObject {
  const { managedFields: _managed, ...metadata } = object.metadata as KubeObject["metadata"] & {
    managedFields?: unknown;
  };
  if (metadata.annotations?.[lastApplied] === undefined) return { ...object, metadata };
  const { [lastApplied]: _applied, ...annotations } = metadata.annotations;
  return { ...object, metadata: { ...metadata, annotations } };
}

/**
 * Turns `ports[].name` into `{ ports: { "[]": { name: true } } }`. `*`: every value that is not an object; `**`:
 * everything below.
 */
interface Tree extends Map<string, Tree> {}

function tree(paths: readonly string[]): Tree {
  const root: Tree = new Map();
  for (const path of paths) {
    let at = root;
    for (const step of path.replaceAll("[]", ".[]").split(".")) {
      const next: Tree = at.get(step) ?? new Map();
      at.set(step, next);
      at = next;
    }
  }
  return root;
}

/** Only fields in the tree, and only of its shape: an object in the place of a value is dropped. */
function pick(value: unknown, expected: Tree): unknown {
  if (expected.has("**")) return value;
  if (expected.size === 0) return typeof value === "object" && !(value instanceof Date) ? undefined : value;
  const items = expected.get("[]");
  if (items !== undefined)
    return Array.isArray(value) ? value.map((v) => pick(v, items)).filter((v) => v !== undefined) : undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const any = expected.get("*");
  const kept: [string, unknown][] = [];
  for (const [name, inner] of Object.entries(value)) {
    const below = any ?? expected.get(name);
    const own = below === undefined ? undefined : pick(inner, below);
    if (own !== undefined) kept.push([name, own]);
  }
  return Object.fromEntries(kept);
}
