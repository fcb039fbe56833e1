import { createServer } from "node:net";
import { type Cidr, contains, nextCidr, overlaps, parseCidr } from "#harness/lib/cidr.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { before } from "#harness/lib/names.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { KindConfig, KindLabPlan, LabPlan, PlannedKindCluster } from "#harness/model/lab-plan.ts";
import type { ProfileName } from "#harness/model/profile.ts";
import { readCiliumSpec } from "./cilium-spec.ts";
import { type LabFile, readKindConfig, readLabFile, readManifests, readValues } from "./lab-file.ts";
import { checkLabName, kindNameIn } from "./lab-name.ts";
import { kubernetesFor, pinnedPatch, pins } from "./pins.ts";
import { labFileOf, recordedLabFile } from "./profiles.ts";

export const isKindPlan = (plan: LabPlan): plan is KindLabPlan =>
  plan.clusters.every((c) => c.kind === "kind");

/** Throws `usage` if a cluster of the lab is external. */
export function requireKindPlan(plan: LabPlan, purpose: string): KindLabPlan {
  if (isKindPlan(plan)) return plan;
  const external = plan.clusters.filter((c) => c.kind === "external").map((c) => c.name);
  throw new MeshproofError(
    "usage",
    `${purpose} is unsupported on external clusters: ${external.join(", ")}`,
    {
      remedy: "use a lab that Meshproof creates",
    },
  );
}

export interface PlanOptions {
  readonly lab: string;
  /** Overrides the profile of the lab file; without `labFile` it also selects the profile's own lab file. */
  readonly profile?: ProfileName;
  readonly labFile?: string;
  /** `V`, or `cluster=V` for one cluster. */
  readonly kubernetes?: readonly string[];
  readonly cilium?: readonly string[];
  readonly values?: readonly string[];
  readonly workers?: number;
  /** The number of clusters: the first ones of the lab file; additional ones are copies of its last. */
  readonly clusters?: number;
  readonly serviceType?: "LoadBalancer" | "NodePort";
}

/** The lab file's reason for its own Cilium version, where no cluster was given another. */
const reasonOf = (file: LabFile, clusters: readonly PlannedKindCluster[]) =>
  file.ciliumReason !== undefined && clusters.every((c) => c.cilium === file.cilium)
    ? { ciliumReason: file.ciliumReason }
    : {};

/** Reads, overrides and checks the plan. Errors name both sides of a conflict. Nothing is created before it succeeds. */
export async function planLab(options: PlanOptions): Promise<KindLabPlan> {
  checkLabName(options.lab);
  const path = options.labFile ?? labFileOf(options.profile ?? "default");
  const file = await readLabFile(path);
  const expected = await sized(path, file.clusters, options.clusters ?? file.clusters.length);
  const names = expected.map((c) => c.name);
  const kubernetes = perCluster("--kubernetes", options.kubernetes, names);
  const cilium = perCluster("--cilium", options.cilium, names);
  const clusters: PlannedKindCluster[] = [];
  for (const { config, ...cluster } of expected) {
    const { podSubnet, serviceSubnet } = config.networking;
    const [, podCidr6] = podSubnet.split(",");
    const ciliumSpec = cilium(cluster.name) ?? cluster.cilium ?? file.cilium;
    const { version: ciliumVersion, checkout } = readCiliumSpec(ciliumSpec);
    let values = mergeValues(file.values, cluster.values);
    for (const option of options.values ?? []) {
      const { target, value } = splitOption("--values", option, names);
      if (target === undefined || target === cluster.name)
        values = mergeValues(values, await readValues(value, "--values"));
    }
    clusters.push({
      kind: "kind",
      name: cluster.name,
      id: cluster.id,
      podCidr: before(podSubnet, ","),
      serviceCidr: before(serviceSubnet, ","),
      ...(podCidr6 === undefined ? {} : { podCidr6 }),
      kubernetes: version(
        "--kubernetes",
        kubernetes(cluster.name) ?? cluster.kubernetes ?? file.kubernetes ?? kubernetesFor(ciliumVersion),
      ),
      cilium: checkout ?? ciliumVersion,
      kindConfig: options.workers === undefined ? config : withWorkers(config, options.workers),
      values,
      ...(cluster.manifests === undefined ? {} : { manifests: await readManifests(path, cluster.manifests) }),
    });
  }
  const plan: KindLabPlan = {
    lab: options.lab,
    profile: options.profile ?? file.profile,
    ...recordedLabFile(path, options.profile ?? file.profile),
    tuning: file.tuning,
    clusters,
    ...reasonOf(file, clusters),
    serviceType: options.serviceType ?? file.serviceType,
    networks: file.networks,
    suites: file.suites,
    budgets: file.budgets,
    rig: file.rig,
  };
  checkConflicts(plan, path);
  return plan;
}

type Expected = LabFile["clusters"][number] & { readonly config: KindConfig };

/** The clusters to build. An additional one is a copy of the last, with an unused id, name and IPv4 CIDRs. */
async function sized(path: string, listed: LabFile["clusters"], count: number): Promise<Expected[]> {
  if (count < 2)
    throw new MeshproofError("usage", `--clusters ${count}: a mesh needs two clusters`, {
      remedy: "for example --clusters 3",
    });
  const expected: Expected[] = [];
  for (const cluster of listed.slice(0, count))
    expected.push({ ...cluster, config: await readKindConfig(path, cluster.kindConfig) });
  while (expected.length < count) {
    const last = found(expected.at(-1), `cluster in ${path}`);
    const { networking } = last.config;
    const free = (text: string): string => freeAfter(text, expected, path);
    const ports = Object.fromEntries(Object.entries(networking).filter(([key]) => key !== "apiServerPort"));
    expected.push({
      ...last,
      name: `cluster${expected.length + 1}`,
      id: Math.max(...expected.map((w) => w.id)) + 1,
      config: {
        ...last.config,
        networking: {
          ...(ports as typeof networking),
          podSubnet: free(networking.podSubnet),
          serviceSubnet: free(networking.serviceSubnet),
        },
      },
    });
  }
  return expected;
}

/** The next CIDR of the same size that no cluster uses. */
function freeAfter(text: string, expected: readonly Expected[], path: string): string {
  if (text.includes(","))
    throw new MeshproofError("usage", `${path}: --clusters cannot copy a dual-stack cluster`, {
      remedy: "add every cluster to the lab file",
    });
  const taken = expected
    .flatMap(({ config: { networking } }) => [networking.podSubnet, networking.serviceSubnet])
    .map((t) => cidrOf(t, path));
  for (let cidr = cidrOf(text, path); ; cidr = nextCidr(cidr))
    if (!taken.some((t) => overlaps(t, cidr))) return cidr.text;
}

function version(option: string, value: string): string {
  const bare = value.replace(/^v/, "");
  if (!/^\d+\.\d+\.\d+$/.test(bare)) {
    const example = kubernetesFor(pins.cilium);
    const patch = pinnedPatch(bare, "kubernetes");
    throw new MeshproofError("usage", `${option} ${value} is not a full version such as ${example}`, {
      remedy:
        patch === undefined
          ? `give major, minor and patch: ${option} ${/^\d+\.\d+$/.test(bare) ? `${bare}.N` : example}`
          : `give the patch release too: ${option} ${patch}`,
    });
  }
  return bare;
}

function splitOption(
  option: string,
  text: string,
  names: readonly string[],
): { target?: string; value: string } {
  const [, target, value] = /^([a-z0-9-]+)=(.+)$/.exec(text) ?? [];
  if (target === undefined || value === undefined) return { value: text };
  if (!names.includes(target)) {
    throw new MeshproofError("usage", `${option} ${text}: there is no cluster ${target} in this lab`, {
      remedy: `name one of ${names.join(", ")}`,
    });
  }
  return { target, value };
}

function perCluster(option: string, texts: readonly string[] | undefined, names: readonly string[]) {
  const split = (texts ?? []).map((text) => splitOption(option, text, names));
  for (const [i, { target, value }] of split.entries()) {
    const other = split.slice(0, i).find((s) => s.target === target);
    if (other !== undefined)
      throw new MeshproofError(
        "usage",
        `${option} gives ${target ?? "every cluster"} two versions: ${other.value} and ${value}`,
        {
          remedy:
            target === undefined
              ? `give one version for all, and name a cluster with another: ${option} ${names[0]}=VERSION`
              : `give ${option} ${target}=VERSION once`,
        },
      );
  }
  return (name: string): string | undefined =>
    split.find((s) => s.target === name)?.value ?? split.find((s) => s.target === undefined)?.value;
}

function withWorkers(config: KindConfig, workers: number): KindConfig {
  const planes = config.nodes.filter((n) => n.role === "control-plane");
  const model = config.nodes.find((n) => n.role === "worker") ?? { role: "worker" as const };
  return { ...config, nodes: [...planes, ...Array.from({ length: workers }, () => ({ ...model }))] };
}

/** Helm's own rule: mappings merge, everything else is replaced. */
export function mergeValues(
  base: Record<string, unknown>,
  over: Record<string, unknown>,
): Record<string, unknown> {
  const merged = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const standing = merged[key];
    merged[key] = isMapping(standing) && isMapping(value) ? mergeValues(standing, value) : value;
  }
  return merged;
}

function cidrOf(text: string, place: string): Cidr {
  try {
    return parseCidr(text);
  } catch (error) {
    throw new MeshproofError("config-invalid", `${place}: ${messageOf(error)}`, {
      remedy: "write an IPv4 CIDR such as 10.1.0.0/16; for dual stack add an IPv6 CIDR after a comma",
    });
  }
}

export function checkConflicts(plan: KindLabPlan, path: string): void {
  checkIds(plan, path);
  for (const { name, kindConfig } of plan.clusters) {
    // With several control planes kind adds a load balancer.
    const several = kindConfig.nodes.filter((n) => n.role === "control-plane").length > 1;
    const node = `${kindNameIn("000000", plan.lab, name)}-${several ? "external-load-balancer" : "control-plane"}`;
    // A node's host name: Linux takes 64 characters.
    if (node.length > 63) {
      conflict(
        path,
        `lab ${plan.lab} and cluster ${name} make a node name of over 63 characters`,
        "shorten one of the names",
      );
    }
  }
  const cidrs: { owner: string; cidr: Cidr; isServices: boolean }[] = [];
  for (const [i, a] of plan.clusters.entries()) {
    for (const b of plan.clusters.slice(i + 1)) {
      if (a.name === b.name)
        conflict(
          path,
          `clusters ${i + 1} and ${plan.clusters.indexOf(b) + 1} are both named ${a.name}`,
          "give each cluster a different name",
        );
      if (a.id === b.id)
        conflict(
          path,
          `clusters ${a.name} and ${b.name} both have id ${a.id}`,
          "give each cluster a different id, 1 to 255",
        );
    }
    for (const [what, text] of [
      ["podSubnet", a.podCidr],
      ...(a.podCidr6 === undefined ? [] : [["podSubnet", a.podCidr6] as const]),
      ["serviceSubnet", a.serviceCidr],
    ] as const) {
      cidrs.push({
        owner: `${a.name}'s ${what}`,
        cidr: cidrOf(text, `${path}: ${a.name}'s ${what}`),
        isServices: what === "serviceSubnet",
      });
    }
  }
  for (const [i, a] of cidrs.entries()) {
    for (const b of cidrs.slice(i + 1)) {
      // A ClusterIP is an address within its own cluster: those of two clusters may be equal.
      if (overlaps(a.cidr, b.cidr) && !(a.isServices && b.isServices)) {
        conflict(
          path,
          `${a.owner} ${a.cidr.text} overlaps ${b.owner} ${b.cidr.text}`,
          "Cluster Mesh needs disjoint pod CIDRs; change one of the two kind Config files",
        );
      }
    }
  }
}

/** Cilium's "Setting up Cluster Mesh": ids up to 255, or up to 511 if every cluster sets maxConnectedClusters. */
function checkIds(plan: KindLabPlan, path: string): void {
  const most = (cluster: PlannedKindCluster): number => {
    const { clustermesh } = cluster.values as { clustermesh?: { maxConnectedClusters?: number } };
    return clustermesh?.maxConnectedClusters ?? 255;
  };
  const [first, ...others] = plan.clusters as [PlannedKindCluster, ...PlannedKindCluster[]];
  for (const other of others)
    if (most(other) !== most(first))
      conflict(
        path,
        `${first.name} has clustermesh.maxConnectedClusters ${most(first)}, ${other.name} ${most(other)}`,
        "all clusters of a mesh need the same value",
      );
  for (const cluster of plan.clusters)
    if (cluster.id > most(cluster))
      conflict(
        path,
        `cluster ${cluster.name} has id ${cluster.id}; the highest valid id is ${most(cluster)}`,
        most(cluster) === 255
          ? "choose an id from 1 to 255, or set clustermesh.maxConnectedClusters to 511 for every cluster"
          : "choose an id from 1 to 511",
      );
}

/** Checked separately, because the subnet of the lab's Docker network is known later. */
export function checkNetwork(plan: LabPlan, network: string, subnet: string): void {
  for (const cluster of plan.clusters) {
    for (const text of [cluster.podCidr, cluster.serviceCidr]) {
      const cidr = parseCidr(text);
      if (overlaps(cidr, parseCidr(subnet)) || contains(cidr, before(subnet, "/"))) {
        conflict(
          "the lab",
          `${cluster.name}'s ${text} overlaps Docker network ${network} ${subnet}`,
          "change the cluster's CIDR",
        );
      }
    }
  }
}

function conflict(path: string, message: string, remedy: string): never {
  throw new MeshproofError("config-conflict", `${path}: ${message}`, { remedy });
}

/** Checks host ports of the kind Configs before anything is created. */
export async function checkPorts(plan: KindLabPlan): Promise<void> {
  const ports: { port: number; owner: string }[] = [];
  for (const cluster of plan.clusters) {
    const port = cluster.kindConfig.networking.apiServerPort;
    if (port !== undefined) ports.push({ port, owner: `${cluster.name}'s apiServerPort` });
    for (const node of cluster.kindConfig.nodes) {
      const mappings = (node as { extraPortMappings?: { hostPort?: number }[] }).extraPortMappings ?? [];
      for (const m of mappings)
        if (m.hostPort !== undefined)
          ports.push({ port: m.hostPort, owner: `a port mapping of ${cluster.name}` });
    }
  }
  for (const [i, { port, owner }] of ports.entries()) {
    const twin = ports.slice(i + 1).find((p) => p.port === port);
    if (twin !== undefined)
      throw new MeshproofError("port-in-use", `port ${port} is requested twice: ${owner} and ${twin.owner}`, {
        remedy: "choose another port in one kind Config",
      });
    await new Promise<void>((resolve, reject) => {
      const server = createServer();
      server.once("error", (error) =>
        reject(
          new MeshproofError("port-in-use", `port ${port} (${owner}) is in use on 127.0.0.1`, {
            cause: error,
            remedy: "free the port, or omit it from the kind Config, which then gets a free one",
          }),
        ),
      );
      server.listen(port, "127.0.0.1", () => server.close(() => resolve()));
    });
  }
}
