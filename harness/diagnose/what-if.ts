import semver from "semver";
import type { Finding } from "#harness/model/finding.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type {
  ClusterPolicies,
  RemotePeers,
  UserPolicy,
  WhatIfChange,
  WhatIfCluster,
  WhatIfQuestion,
  WhatIfReport,
} from "#harness/model/what-if.ts";
import { affects } from "#harness/semantics/affected.ts";
import { ingressBlocks, type OpenSelector, openSelectors } from "#harness/semantics/cluster-selectors.ts";
import { effectOf, type PolicyContext } from "#harness/semantics/policy-effect.ts";
import { clusterKey, namespaceLabel } from "#harness/semantics/policy-model.ts";
import { known, nameOf } from "./parts.ts";
import { type RemotePod, remotePodsOf } from "./remote-pods.ts";

const settingKey = "policy-default-local-cluster";
const namesShown = 5;

/** `defects`: suites/known-defects.yaml. */
type Question = WhatIfQuestion & { readonly defects: readonly KnownDefect[] };

/** The policies whose meaning changes if every cluster gets the value of the question. */
export function whatIf(
  mesh: MeshSnapshot,
  policies: ReadonlyMap<string, ClusterPolicies>,
  question: Question,
): WhatIfReport {
  const answers = mesh.clusters.map((cluster) => ofCluster(mesh, cluster, policies, question));
  return {
    key: question.key,
    value: question.value,
    clusters: answers.map((a) => a.answer),
    unread: answers.flatMap((a) => a.unread),
  };
}

function ofCluster(
  mesh: MeshSnapshot,
  cluster: ClusterSnapshot,
  all: ReadonlyMap<string, ClusterPolicies>,
  { value: after, defects }: Question,
): { answer: WhatIfCluster; unread: Finding[] } {
  const name = nameOf(cluster);
  const own = all.get(cluster.name);
  const current = valueNow(cluster, own?.manifests === true ? !after : undefined);
  if ("why" in current)
    return {
      answer: { cluster: name, source: current.why, after, changes: [] },
      unread: [
        unreadOf(name, "cilium-config", `${current.why}; whether the question changes anything is not known`),
      ],
    };
  const answer = { cluster: name, ...current, after };
  if (current.now === after) return { answer: { ...answer, changes: [] }, unread: [] };
  const parts = Object.entries(own?.policies ?? {});
  const unread =
    own === undefined
      ? [unreadOf(name, "policies", "no file of policies was given")]
      : unreadPolicies(name, own);
  const remote = remotePodsOf(mesh, cluster, all);
  const found = parts
    .flatMap(([, part]) => known(part))
    .toSorted((a, b) => titleOf(a).localeCompare(titleOf(b)));
  const blocks = blockDefects(cluster, defects);
  const context = contextOf(cluster);
  const judged = found.map((policy) => ({ policy, ...effectOf(policy, context) }));
  const withoutEffect = judged.flatMap(({ policy, why }) =>
    why === undefined ? [] : [`${titleOf(policy)}: ${why}`],
  );
  const changes = judged.flatMap(({ policy, specs }) => [
    ...openSelectors({ ...policy, specs }).flatMap((selector) =>
      changesOf({ cluster, policy, selector, after, remote }),
    ),
    ...blockChanges(policy, name, { after, defects: blocks }),
  ]);
  // Only where something changes do the pods of the other clusters matter.
  if (changes.some((c) => c.remote?.incomplete !== undefined))
    unread.push(...remote.missing.map((why) => unreadOf(name, "pods of the other clusters", why)));
  return {
    answer: { ...answer, changes, ...(withoutEffect.length === 0 ? {} : { withoutEffect }) },
    unread,
  };
}

/** What of a cluster's policies could not be read or judged. */
export function unreadPolicies(name: string, { policies, malformed, unjudged }: ClusterPolicies): Finding[] {
  return [
    ...Object.entries(policies).flatMap(([kind, part]) =>
      part.ok ? [] : [unreadOf(name, `objects of kind ${kind}`, part.why)],
    ),
    ...(malformed ?? []).map(({ object, why }) => unreadOf(name, object, why)),
    ...(unjudged ?? []).map((policy) =>
      unreadOf(name, `ClusterNetworkPolicy ${policy}`, "this kind is not judged; its pod peers change too"),
    ),
  ];
}

/** Without the suffix of a vendor or a candidate; undefined if the agents' image does not say. */
const versionOf = ({ ciliumVersion: version }: ClusterSnapshot): string | undefined =>
  version?.ok === true ? semver.coerce(version.value)?.version : undefined;

/** A setting that cilium-config lacks has the agent's default: both of these are off. */
export function contextOf(cluster: ClusterSnapshot): PolicyContext {
  const { config } = cluster;
  const isOn = (key: string): boolean | undefined => (config.ok ? config.value[key] === "true" : undefined);
  return {
    version: versionOf(cluster),
    nodeLabels: isOn("enable-node-selector-labels"),
    hostFirewall: isOn("enable-host-firewall"),
    // On by default.
    l7Proxy: config.ok ? config.value["enable-l7-proxy"] !== "false" : undefined,
  };
}

export const titleOf = (p: UserPolicy): string =>
  `${p.kind} ${p.namespace === "" ? "" : `${p.namespace}/`}${p.name}`;

/** The chart writes the key since 1.18. Before, Cilium has no such setting and selects from every cluster. */
function valueNow(
  cluster: ClusterSnapshot,
  assumed: boolean | undefined,
): { now: boolean; source: string } | { why: string } {
  if (!cluster.config.ok && assumed !== undefined)
    return { now: assumed, source: "assumed: the manifests hold no cilium-config" };
  if (!cluster.config.ok) return { why: `cilium-config could not be read: ${cluster.config.why}` };
  const text = cluster.config.value[settingKey];
  const version = versionOf(cluster);
  if (text === undefined && version !== undefined && semver.gte(version, "1.19.0"))
    return { now: true, source: `cilium-config has no ${settingKey}: the default of Cilium ${version}` };
  if (text === undefined)
    return { now: false, source: `cilium-config has no ${settingKey}, as with charts older than 1.18` };
  if (text !== "true" && text !== "false") return { why: `${settingKey} is ${JSON.stringify(text)}` };
  return { now: text === "true", source: `${settingKey} in cilium-config` };
}

interface Affected {
  readonly cluster: ClusterSnapshot;
  readonly policy: UserPolicy;
  readonly selector: OpenSelector;
  readonly after: boolean;
  readonly remote: { readonly pods: readonly RemotePod[]; readonly missing: readonly string[] };
}

function changesOf(affected: Affected): WhatIfChange[] {
  const { cluster, policy, selector, after } = affected;
  const backends = selector.peers === "service" ? backendsOf(affected) : undefined;
  // A service without a selector gives addresses, which belong to no cluster.
  if (backends === "addresses") return [];
  const local = `${nounOf[selector.peers]} of ${nameOf(cluster)} only`;
  const open = selector.emptyLabel
    ? "no pods: no cluster has an empty name"
    : `${nounOf[selector.peers]} of every cluster`;
  return [
    {
      kind: policy.kind,
      namespace: policy.namespace,
      name: policy.name,
      path: selector.path,
      direction: selector.direction,
      verdict: selector.verdict,
      now: after ? open : local,
      after: after ? local : open,
      ...(selector.emptyLabel ? {} : { remote: remoteOf(affected, selector.matches ?? backends) }),
      remedy: remedyOf(affected),
    },
  ];
}

/** What an ipBlock becomes with a defect that the setting's value `true` brings, by the ids of suites/known-defects.yaml. */
export const blockBecomes: ReadonlyMap<string, (cluster: string) => string> = new Map([
  ["CVE-2026-56743", (cluster: string) => `the addresses, and every pod of this namespace in ${cluster}`],
  ["ipblock-refused", () => "nothing: the agent refuses the whole policy"],
]);

/** The defects that a cluster has with one value of the setting only; of a version that is not known, all of them. */
function blockDefects(cluster: ClusterSnapshot, defects: readonly KnownDefect[]): readonly KnownDefect[] {
  const version = versionOf(cluster);
  const settings = cluster.config.ok ? cluster.config.value : {};
  const has = (defect: KnownDefect, value: boolean): boolean =>
    version === undefined
      ? value
      : affects(defect, {
          name: cluster.name,
          cilium: version,
          settings: { ...settings, [settingKey]: String(value) },
        });
  return defects.filter((d) => blockBecomes.has(d.id) && has(d, true) && !has(d, false));
}

/** `1.19.0 to 1.19.4` of `>=1.19.0 <=1.19.4`. */
const rangeOf = (range: string): string => range.replace(/^>=(\S+) <=(\S+)$/, "$1 to $2");

const describeDefect = ({ id, affected, fixedIn }: KnownDefect): string =>
  `${id} (Cilium ${affected.map(rangeOf).join(" and ")}; ${fixedIn.length === 0 ? "no release fixes it yet" : `fixed in ${fixedIn.join(" and ")}`})`;

const blockChanges = (
  policy: UserPolicy,
  cluster: string,
  { after, defects }: { readonly after: boolean; readonly defects: readonly KnownDefect[] },
): WhatIfChange[] =>
  // One peer is one change, also where the version decides which of the defects it meets.
  (defects.length === 0 ? [] : ingressBlocks(policy)).map((path) => {
    const becomes = defects.map((d) => blockBecomes.get(d.id)?.(cluster) ?? d.what).join("; or ");
    return {
      kind: policy.kind,
      namespace: policy.namespace,
      name: policy.name,
      path,
      direction: "ingress" as const,
      verdict: "allow" as const,
      now: after ? "the addresses" : becomes,
      after: after ? becomes : "the addresses",
      defect: defects.map(describeDefect).join("; or "),
      remedy: "upgrade Cilium first; no spelling of ipBlock avoids it",
    };
  });

const nounOf = { pods: "pods", nodes: "nodes", service: "pods of the service" } as const;

type Matches = NonNullable<OpenSelector["matches"]>;

/** Which pods Cilium selects for `toServices`; undefined if the services could not be found. */
function backendsOf({ cluster, selector: { service } }: Affected): Matches | "addresses" | undefined {
  if (service === undefined || !cluster.services.ok) return undefined;
  const services = cluster.services.value.filter(
    (s) => s.name === service.name && (service.namespace === "" || s.namespace === service.namespace),
  );
  const chosen = services.filter((s) => Object.keys(s.selector).length > 0);
  if (services.length > 0 && chosen.length === 0) return "addresses";
  if (chosen.length === 0) return undefined;
  return (labels) =>
    chosen.some(
      (s) =>
        labels["io.kubernetes.pod.namespace"] === s.namespace &&
        Object.entries(s.selector).every(([key, value]) => labels[key] === value),
    );
}

function remoteOf({ selector, after, remote }: Affected, matches: Matches | undefined): RemotePeers {
  // What is no longer selected loses what an allow rule gives, and gains what a deny rule takes.
  const access = (selector.verdict === "allow") === after ? "lose" : "gain";
  if (matches === undefined)
    return {
      access,
      count: 0,
      names: [],
      incomplete:
        selector.peers === "nodes"
          ? "nodes of other clusters are not counted"
          : selector.service === undefined
            ? "services chosen by their labels are not looked up, so their pods are not counted"
            : "the service was not found, so its pods are not counted",
    };
  try {
    const why = new Set(remote.missing);
    const found = remote.pods.filter((pod) => matchesPod(matches, pod, why));
    for (const { atLeast } of found) if (atLeast !== undefined) why.add(atLeast);
    return {
      access,
      count: found.reduce((sum, { replicas = 1 }) => sum + replicas, 0),
      names: found.slice(0, namesShown).map((pod) => pod.name),
      ...(found.length > namesShown ? { moreNames: found.length - namesShown } : {}),
      ...(why.size > 0 ? { incomplete: [...why].join("; ") } : {}),
    };
  } catch (error) {
    // The model does not know every operator that a later Cilium may accept.
    const why = error instanceof Error ? error.message : String(error);
    return { access, count: 0, names: [], incomplete: `the selector is not understood: ${why}` };
  }
}

/** Adds to `why` if the selector asks for a label of a namespace that is not known. */
function matchesPod(matches: Matches, { labels, noNamespaceLabels }: RemotePod, why: Set<string>): boolean {
  if (noNamespaceLabels === undefined) return matches(labels);
  const watched = new Proxy(labels, {
    get: (all, key: string) => {
      if (key.startsWith(namespaceLabel) && all[key] === undefined) why.add(noNamespaceLabels);
      return all[key];
    },
  });
  return matches(watched);
}

function remedyOf({ cluster, policy, selector, after }: Affected): string {
  const name = nameOf(cluster);
  if (selector.peers === "service")
    return `a label cannot be added here: replace it by toEndpoints with the service's selector, and ${after ? "an expression" : "a label"} ${clusterKey}`;
  const place = policy.kind === "NetworkPolicy" ? `${selector.path}.podSelector` : selector.path;
  if (selector.emptyLabel && !after) return `write in ${place}.matchLabels: ${clusterKey}: ${name}`;
  return after
    ? `add to ${place}.matchExpressions: {key: ${clusterKey}, operator: Exists}`
    : `add to ${place}.matchLabels: ${clusterKey}: ${name}`;
}

const unreadOf = (cluster: string, what: string, why: string): Finding => ({
  layer: "evidence",
  severity: "unread",
  cluster,
  subject: `${what} of ${cluster}`,
  message: `${what} of ${cluster} could not be read: ${why}`,
  next: "supply it, or ask the live mesh; unread data is not judged",
});
