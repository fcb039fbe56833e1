import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { webhookStates } from "#harness/cilium/admission-webhooks.ts";
import { readEncryption } from "#harness/cilium/agent/encryption.ts";
import { readMeshLog } from "#harness/cilium/agent/mesh-log.ts";
import { readNodeFile, readNodeNeighbours } from "#harness/cilium/agent/node-file.ts";
import { readNodeUnits } from "#harness/cilium/agent/node-units.ts";
import {
  parseFailingControllers,
  parseHealth,
  parseIdentities,
  parseIpam,
  parseIpcache,
  parseKvstoreMesh,
  parseLbMaps,
  parseNodeList,
  parseRemoteClusters,
  parseServiceList,
} from "#harness/cilium/agent/parse.ts";
import { readPrograms } from "#harness/cilium/agent/programs.ts";
import { readStartedWith, readTunnelDevices } from "#harness/cilium/agent/running.ts";
import { readTroubleLog } from "#harness/cilium/agent/trouble-log.ts";
import { readPeerPaths, readTroubleshoot } from "#harness/cilium/agent/troubleshoot.ts";
import { announcementsIn } from "#harness/cilium/announcements.ts";
import {
  cidrGroupState,
  ciliumEndpointStates,
  ciliumNodeState,
  eventState,
  identityState,
  namespaceState,
  nodeConfigState,
  nodeState,
  podState,
  programVersions,
  serviceState,
  sliceState,
  versionOfAgents,
} from "#harness/cilium/object-states.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { issuesOf } from "#harness/lib/records.ts";
import {
  type AgentState,
  type ClusterSnapshot,
  collectedSchema,
  configMapSchema,
  containersSchema,
  heldCertificateSchema,
  type MeshSnapshot,
  type NodeInside,
  nodeLinksSchema,
  type Part,
  type PolicyObject,
  peersSchema,
  sizesSchema,
  type UnreadFile,
  unreadFileSchema,
} from "#harness/model/mesh-snapshot.ts";
import { type KvstoreState, kvstoreStateSchema } from "#harness/model/shared-state.ts";
import { endpointChangeSchema, type KvstoreMeshStatus } from "#harness/model/snapshot.ts";
import { type ClusterEvidence, notCollected, notSupplied, replicaFile } from "./evidence.ts";
import { policiesOf } from "./policy-objects.ts";
import { refusedRequests } from "./refused-requests.ts";

/** The same parser for a live mesh and for an archive. */
export function snapshotOf(evidence: ReadonlyMap<string, ClusterEvidence>): MeshSnapshot {
  return { clusters: [...evidence].map(([name, files]) => clusterSnapshot(name, files)) };
}

/** Reads an `artifacts/<suite>` folder of a run, or a parent with only one of them. */
export async function readEvidence(dir: string): Promise<Map<string, ClusterEvidence>> {
  const evidence = new Map<string, ClusterEvidence>();
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    throw new MeshproofError("usage", `cannot read ${dir}: ${messageOf(error)}`, {
      remedy: "give a folder such as reports/latest/artifacts/<suite>",
    });
  });
  for (const entry of entries.filter((e) => e.isDirectory())) {
    const files = new Map<string, string>();
    for (const name of await readdir(join(dir, entry.name)))
      files.set(name, await readFile(join(dir, entry.name, name), "utf8").catch(() => ""));
    if (files.has("pods.json")) evidence.set(entry.name, files);
  }
  if (evidence.size > 0) return evidence;
  const [only, ...others] = entries.filter((e) => e.isDirectory());
  if (only !== undefined && others.length === 0) return readEvidence(join(dir, only.name));
  throw new MeshproofError("usage", `${dir} holds no evidence of a mesh`, {
    remedy: "give a folder such as reports/latest/artifacts/<suite>, with one folder per cluster",
  });
}

function clusterSnapshot(name: string, files: ClusterEvidence): ClusterSnapshot {
  const read = <T>(file: string, parse: (text: string) => T): Part<T> => part(files.get(file), file, parse);
  const objects = <T>(file: string, map: (o: KubeObject) => readonly T[]): Part<T[]> =>
    read(file, (text) => parsed(text, objectsSchema).flatMap(map));
  const agentNodes = [...files.keys()]
    .map((f) => /^agent-(.*)-status\.json$/.exec(f)?.[1])
    .filter((n) => n !== undefined);
  const insideNodes = [...files.keys()]
    .map((f) => /^node-(.*)\.txt$/.exec(f)?.[1])
    .filter((n) => n !== undefined);
  return {
    name,
    config: read("cilium-config.json", (text) => parsed(text, configMapSchema)),
    containers: read("containers.json", (text) => parsed(text, containersSchema)),
    nodes: objects("nodes.json", (o) => [nodeState(o)]),
    ciliumNodes: objects("ciliumnodes.json", (o) => [ciliumNodeState(o)]),
    ...ofPods(read),
    workloads: workloadsOf(objects),
    services: objects("services.json", (o) => [serviceState(o)]),
    endpoints: objects("endpointslices.json", (o) =>
      ((o.endpoints ?? []) as { addresses: string[]; conditions?: { ready?: boolean } }[]).flatMap((e) =>
        e.addresses.map((ip) => ({
          namespace: o.metadata.namespace ?? "",
          service: String(o.metadata.labels?.["kubernetes.io/service-name"] ?? ""),
          ip,
          ready: e.conditions?.ready !== false,
        })),
      ),
    ),
    ciliumEndpoints: objects("ciliumendpoints.json", ciliumEndpointStates),
    namespaces: objects("namespaces.json", (o) => [namespaceState(o)]),
    ciliumIdentities: objects("ciliumidentities.json", (o) => [identityState(o)]),
    slices: objects("endpointslices.json", (o) => [sliceState(o)]),
    serviceExports: objects("serviceexports.json", ({ metadata: { namespace = "", name } }) => [
      { namespace, name },
    ]),
    cidrGroups: optional(objects("ciliumcidrgroups.json", (o) => [cidrGroupState(o)])),
    nodeConfigs: optional(objects("ciliumnodeconfigs.json", (o) => [nodeConfigState(o)])),
    webhooks: eitherOf(
      objects("validatingwebhookconfigurations.json", webhookStates),
      objects("mutatingwebhookconfigurations.json", webhookStates),
    ),
    refusedRequests: refusedRequests(files),
    ...crashesOf(files),
    ...kvstoresOf(files),
    unreadFiles: unreadFiles(files),
    endpointChanges: optional(
      read("endpoint-changes.json", (text) => parsed(text, z.array(endpointChangeSchema))),
    ),
    collectedMs: read("collected.json", (text) => parsed(text, collectedSchema).atMs),
    changing: read("changing.json", (text) => parsed(text, z.array(z.string()))),
    policies: objects("ciliumnetworkpolicies.json", (o) => [
      {
        namespace: o.metadata.namespace ?? "",
        name: o.metadata.name,
        spec: (o.spec ?? {}) as Record<string, unknown>,
      },
    ]),
    loadBalancerPools: read("loadbalancerpools.json", (text) => parsed(text, z.array(z.unknown())).length),
    announcements: optional(announcementsIn(objects)),
    peers: read("peers.json", (text) => parsed(text, peersSchema)),
    kvstoreMesh: ofReplicas(files, "kvstoremesh-status.json", parseKvstoreMeshes),
    kvstoreMeshTrouble: ofReplicas(files, "kvstoremesh-troubleshoot.txt", readTroubleshoot),
    kvstoreMeshPaths: ofReplicas(files, "kvstoremesh-troubleshoot.txt", readPeerPaths),
    policyObjects: policyObjects(files),
    events: objects("events.json", eventState),
    certificates: read("certificates.json", (text) => parsed(text, z.array(heldCertificateSchema))),
    meshUsers: optional(read("mesh-users.json", (text) => parsed(text, z.array(z.string())))),
    kvstoreMeshWords: ofReplicas(files, "kvstoremesh-log.txt", readMeshLog),
    sizes: read("sizes.json", (text) => parsed(text, sizesSchema)),
    links: optional(read("links.json", (text) => parsed(text, nodeLinksSchema))),
    agents: agentNodes.map((node) => agentState(node, read)),
    nodeStates: insideNodes.map((node) => nodeInside(node, read)),
  };
}

/** What the list of pods says, which is read once: of a large cluster it is the largest file. */
function ofPods(read: Read): Pick<ClusterSnapshot, "pods" | "ciliumVersion" | "programVersions"> {
  const list = read("pods.json", (text) => parsed(text, objectsSchema));
  const by = <T>(map: (pods: readonly KubeObject[]) => T): Part<T> =>
    list.ok ? tried("pods.json", () => map(list.value)) : list;
  return {
    pods: by((all) => all.map(podState)),
    ciliumVersion: by((all) => {
      const version = versionOfAgents(all);
      if (version === undefined) throw new Error("no agent's image has a version");
      return version;
    }),
    programVersions: optional(by(programVersions)),
  };
}

function crashesOf(files: ClusterEvidence): Pick<ClusterSnapshot, "crashes"> {
  const value = [...files].flatMap(([name, text]) => {
    const pod = /^crash-(.+)-log\.txt$/.exec(name)?.[1];
    return pod === undefined ? [] : [{ pod, logged: readTroubleLog(text) }];
  });
  return value.length === 0 ? {} : { crashes: { ok: true, value } };
}

function workloadsOf(
  objects: <T>(file: string, map: (o: KubeObject) => readonly T[]) => Part<T[]>,
): ClusterSnapshot["workloads"] {
  const deployments = objects("deployments.json", ({ metadata, spec, status }) => [
    {
      kind: "Deployment" as const,
      namespace: metadata.namespace ?? "",
      name: metadata.name,
      desired: Number(spec?.replicas ?? 1),
      ready: Number(status?.readyReplicas ?? 0),
    },
  ]);
  const daemonSets = objects("daemonsets.json", ({ metadata, status }) => [
    {
      kind: "DaemonSet" as const,
      namespace: metadata.namespace ?? "",
      name: metadata.name,
      desired: Number(status?.desiredNumberScheduled ?? 0),
      ready: Number(status?.numberReady ?? 0),
    },
  ]);
  return deployments.ok && daemonSets.ok
    ? { ok: true, value: [...deployments.value, ...daemonSets.value] }
    : deployments;
}

/** A file of each replica of clustermesh-apiserver by its pod; none where there is only one. */
function replicasOf<T>(
  files: ClusterEvidence,
  file: string,
  parse: (text: string) => T,
): { readonly pod: string; readonly read: Part<T> }[] {
  const [begin = "", end = ""] = replicaFile("/", file).split("/");
  return [...files.keys()]
    .filter((name) => name.startsWith(begin) && name.endsWith(end))
    .map((name) => ({
      pod: name.slice(begin.length, -end.length),
      read: part(files.get(name), name, parse),
    }));
}

/** What all replicas report, with their pods; of the only one without. Those that were not read are unread files. */
function ofReplicas<T extends { readonly pod?: string }>(
  files: ClusterEvidence,
  file: string,
  parse: (text: string) => T[],
): Part<T[]> {
  const replicas = replicasOf(files, file, parse);
  const [first] = replicas;
  if (first === undefined) return part(files.get(file), file, parse);
  if (replicas.every((r) => !r.read.ok)) return first.read;
  return {
    ok: true,
    value: replicas.flatMap(({ pod, read }) =>
      read.ok ? read.value.map((value) => ({ ...value, pod })) : [],
    ),
  };
}

/** As `kvstoremesh-dbg status` prints it. */
const parseKvstoreMeshes = (text: string): KvstoreMeshStatus[] => parseKvstoreMesh(text);

const parseKvstore = (text: string): KvstoreState => parsed(text, kvstoreStateSchema);

function kvstoresOf(files: ClusterEvidence): Pick<ClusterSnapshot, "kvstore" | "kvstores"> {
  const replicas = replicasOf(files, "kvstore.json", parseKvstore);
  const read = replicas.flatMap(({ pod, read }) => (read.ok ? [{ pod, state: read.value }] : []));
  const [first] = read;
  if (first !== undefined) return { kvstore: { ok: true, value: first.state }, kvstores: read };
  return { kvstore: replicas[0]?.read ?? part(files.get("kvstore.json"), "kvstore.json", parseKvstore) };
}

const replicaFiles: Readonly<Record<string, string>> = {
  "kvstoremesh-status.json": "the status of KVStoreMesh",
  "kvstoremesh-troubleshoot.txt": "the output of troubleshoot",
  "kvstoremesh-log.txt": "the log of KVStoreMesh",
  "kvstore.json": "the kvstore",
};

/** Files that an archive lacks, and those of single replicas: what the other replicas report says nothing of them. */
function unreadFiles(files: ClusterEvidence): Part<UnreadFile[]> {
  const listed = part(files.get("unread.json"), "unread.json", (text) =>
    parsed(text, z.array(unreadFileSchema)),
  );
  const ofSingle = Object.entries(replicaFiles).flatMap(([file, what]) => {
    const replicas = replicasOf(files, file, () => undefined);
    // Where none was read, the whole part is unread.
    if (!replicas.some((r) => r.read.ok)) return [];
    return replicas.flatMap(({ pod, read }) =>
      read.ok
        ? []
        : [
            {
              what: `${what} in ${pod}`,
              why: read.why,
              next: "collect it again; the other replica may be well",
            },
          ],
    );
  });
  if (ofSingle.length === 0) return listed;
  return { ok: true, value: [...(listed.ok ? listed.value : []), ...ofSingle] };
}

/** Policies of the kinds that could be read. */
function policyObjects(files: ClusterEvidence): Part<PolicyObject[]> {
  const parts = Object.values(policiesOf(files).policies);
  const missing = parts.find((p) => !p.ok);
  if (missing?.ok === false && parts.every((p) => !p.ok)) return missing;
  return {
    ok: true,
    value: parts.flatMap((p) =>
      p.ok
        ? p.value.map(({ specs, ...policy }) => ({
            ...policy,
            specs: specs.map((s) => s.spec),
            paths: specs.map((s) => s.path),
          }))
        : [],
    ),
  };
}

/** Reads one file of a cluster's evidence. */
type Read = <T>(file: string, parse: (text: string) => T) => Part<T>;

const optional = <T>(read: Part<T>): Part<T> => (read.ok ? read : { ...read, absent: true });

/** What could be read of two lists that only say more of what others show. */
const eitherOf = <T>(one: Part<T[]>, other: Part<T[]>): Part<T[]> =>
  one.ok && other.ok ? { ok: true, value: [...one.value, ...other.value] } : optional(other.ok ? other : one);

function agentState(node: string, read: Read): AgentState {
  const agent = <T>(file: string, parse: (text: string) => T): Part<T> =>
    read(`agent-${node}-${file}`, parse);
  return {
    node,
    remotes: agent("status.json", parseRemoteClusters),
    // Only says more of what the status shows, and older versions lack the command.
    trouble: optional(agent("troubleshoot.txt", readTroubleshoot)),
    paths: optional(agent("troubleshoot.txt", readPeerPaths)),
    words: agent("log.txt", readMeshLog),
    controllers: agent("status.json", parseFailingControllers),
    tunnels: optional(agent("running.txt", readTunnelDevices)),
    startedWith: optional(agent("running.txt", readStartedWith)),
    programs: optional(agent("programs.txt", readPrograms)),
    encryption: optional(agent("encryption.txt", readEncryption)),
    ipam: optional(agent("status.json", parseIpam)),
    logged: optional(agent("log.txt", readTroubleLog)),
    nodeList: agent("node-list.json", parseNodeList),
    health: agent("health.json", parseHealth),
    services: agent("service-list.json", parseServiceList),
    lbMaps: agent("lb.json", parseLbMaps),
    identities: agent("identities.json", parseIdentities),
    ipcache: agent("ipcache.json", parseIpcache),
  };
}

function nodeInside(node: string, read: Read): NodeInside {
  const inside = read(`node-${node}.txt`, readNodeFile);
  const neighbours = optional(read(`node-${node}.txt`, readNodeNeighbours));
  const units = read(`node-${node}.txt`, readNodeUnits);
  return inside.ok
    ? {
        ...{ node, neighbours, rules: { ok: true, value: inside.value.rules } },
        ...{ stopped: inside.value.stopped, units: units.ok ? units.value : {} },
      }
    : { node, neighbours, rules: inside, stopped: [] };
}

function part<T>(text: string | undefined, file: string, parse: (text: string) => T): Part<T> {
  if (text === undefined) return { ok: false, why: `${file} does not exist`, absent: true };
  if (text.startsWith(notSupplied))
    return { ok: false, why: text.slice(notSupplied.length).trim(), absent: true };
  if (text.startsWith(notCollected)) return { ok: false, why: text.slice(notCollected.length).trim() };
  return tried(file, () => parse(text));
}

function tried<T>(file: string, compute: () => T): Part<T> {
  try {
    return { ok: true, value: compute() };
  } catch (error) {
    return { ok: false, why: `${file}: ${messageOf(error)}` };
  }
}

/** Objects of an API server as stored in files; callers check the fields that they use. */
const objectsSchema = z.array(
  z.custom<KubeObject>(
    (object) => z.object({ metadata: z.object({ name: z.string() }) }).safeParse(object).success,
    "expected a Kubernetes object with a name",
  ),
);

/** Throws for text that is not JSON or does not match the schema. */
function parsed<S extends z.ZodType>(text: string, schema: S): z.infer<S> {
  const value: unknown = JSON.parse(text);
  const result = schema.safeParse(value);
  if (!result.success) throw new Error(issuesOf(result.error, value));
  return result.data;
}
