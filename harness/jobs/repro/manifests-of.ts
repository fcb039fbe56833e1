import type { SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { policyLimits } from "#harness/semantics/policy-limits.ts";
import { listOf } from "#harness/semantics/policy-model.ts";
import { groupManifests, isCidrGroup } from "./cidr-groups.ts";
import { objectDoubts } from "./object-doubts.ts";
import type { Say } from "./say.ts";
import { inLabOf, type LabService } from "./service-proxy.ts";
import { hasMcsApi } from "./source-settings.ts";
import {
  bare,
  isUsers,
  leftOut,
  mostReplicas,
  selects,
  standIn,
  type Workload,
  workloadsOf,
} from "./stand-ins.ts";

type Manifest = Record<string, unknown>;

const pods = (n: number): string => (n === 1 ? "1 pod" : `${n} pods`);
const nameOf = (o: SourceObject): string =>
  `${o.kind} ${o.metadata.namespace === undefined ? "" : `${o.metadata.namespace}/`}${o.metadata.name}`;

/**
 * The objects that the lab's cluster gets: namespaces, service accounts, stand-ins for workloads, services, exports,
 * policies and the CIDR groups that these name. All that is not among them is named.
 */
export function manifestsOf(c: SourceCluster, say: Say): Manifest[] {
  const workloads = workloadsOf(c);
  const rebuilt = workloads.filter((w) => !w.hostNetwork && w.replicas > 0);
  for (const w of workloads) sayWorkload(w, say);
  const relabelled = c.services.filter(isUsers).map(inLabOf(c));
  for (const s of relabelled) sayService(s, c, { workloads, say });
  const services = relabelled.map((r) => r.service);
  const policies = c.policies.filter(isUsers);
  for (const p of policies) sayPolicy(p, say);
  const groups = groupManifests(c);
  for (const g of groups) say(nameOf(g), "as it is", "as it is");
  const namespaces = [
    ...new Set([
      ...rebuilt.map((w) => w.namespace),
      ...[...services, ...policies].flatMap((o) => o.metadata.namespace ?? []),
    ]),
  ];
  const clusterwide = clusterwideOf(c, { namespaces: [...new Set(rebuilt.map((w) => w.namespace))], say });
  const exports = exportsOf(c, say);
  sayDropped(c, say);
  const known = c.namespaces.filter(isUsers);
  const missing = namespaces.filter((n) => n !== "default" && !known.some((m) => m.metadata.name === n));
  return [
    ...known.map(bare),
    ...missing.map((name): SourceObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    ...accountsOf(rebuilt),
    ...rebuilt.map(standIn),
    ...services.map(bare),
    ...exports,
    ...groups,
    ...policies.map(bare),
    ...clusterwide,
  ].map((o): Manifest => ({ ...o }));
}

function sayWorkload(w: Workload, say: Say): void {
  const ports = w.ports.map((p) => `${p.port}${p.protocol === "TCP" ? "" : `/${p.protocol}`}`).join(", ");
  const inSource = `${w.kind === "Pod" ? "" : `${w.kind} of `}${pods(w.replicas)} on port ${ports}`;
  const kept = Math.min(w.replicas, mostReplicas);
  const isOther = !["Deployment", "ReplicaSet", "Pod"].includes(w.kind);
  const isSctp = w.ports.some((p) => p.protocol === "SCTP");
  const sayIt = (inLab: string, weight: Parameters<Say>[3]): void =>
    say(
      `workload ${w.namespace}/${w.name}`,
      w.hostNetwork ? `${inSource}, with hostNetwork` : inSource,
      inLab,
      weight,
    );
  if (w.hostNetwork)
    sayIt("left out: backends in the host's network get no stand-in", {
      matters: "yes",
      part: "unavailable",
    });
  else if (w.replicas === 0) sayIt("left out: it has no pods", { matters: "no" });
  else
    sayIt(
      [
        `${kept} echo ${kept === 1 ? "stand-in" : "stand-ins"}`,
        ...(isOther
          ? [`as a Deployment: ${w.kind === "DaemonSet" ? "a node may have none" : "names of pods differ"}`]
          : []),
        ...(isSctp ? ["without SCTP"] : []),
      ].join(", "),
      { matters: w.replicas > mostReplicas || isOther || isSctp ? "perhaps" : "no" },
    );
}

function sayService(
  { service: s, change }: LabService,
  c: SourceCluster,
  { workloads, say }: { readonly workloads: readonly Workload[]; readonly say: Say },
): void {
  const name = nameOf(s);
  const without = leftOut(s);
  const changes = [
    ...(without.length > 0 ? [`without ${without.join(", ")}`] : []),
    ...(change === undefined ? [] : [change]),
  ];
  say(name, "as it is", changes.length > 0 ? changes.join("; ") : "as it is");
  const selector = s.spec?.selector as Record<string, string> | null | undefined;
  if (s.spec?.type === "ExternalName") return;
  if (selector === undefined || selector === null || Object.keys(selector).length === 0) {
    say(`${name}: backends`, "written by hand, without a selector", "none: not asked by the suite", {
      matters: "yes",
    });
    return;
  }
  const own = workloads.filter((w) => w.namespace === s.metadata.namespace && selects(selector, w.labels));
  // Without pods and workloads in any file, nothing is known of backends.
  if (own.length === 0 && (c.pods.length > 0 || c.workloads.length > 0))
    say(`${name}: backends`, `no workload in ${c.name} has its labels`, `no pods in ${c.name}`, {
      matters: "perhaps",
    });
  if (own.length > 0 && own.every((w) => w.hostNetwork))
    say(`${name}: backends`, "pods with hostNetwork", "none: no stand-in, so not asked by the suite", {
      matters: "yes",
      part: "unavailable",
    });
}

const l7Rules = "toPorts.rules";

/** Cilium takes `spec`, `specs` or both. */
const specsOf = (p: SourceObject): readonly Manifest[] => listOf([p.spec, ...listOf(p.specs)]);

/** Parts of a policy on which the suite does not judge; groups are of a cloud, which no lab asks. */
function unjudged(p: SourceObject): string[] {
  const specs = specsOf(p);
  const groups = specs.flatMap((spec) =>
    ["ingress", "ingressDeny", "egress", "egressDeny"].flatMap((side) =>
      listOf(spec[side]).flatMap((rule) =>
        ["fromGroups", "toGroups"].filter((key) => rule[key] !== undefined),
      ),
    ),
  );
  return [...new Set([...policyLimits(p.kind ?? "", specs), ...groups])];
}

/** A policy that the suite cannot judge is kept, and said to be so. */
function sayPolicy(p: SourceObject, say: Say): void {
  const limits = unjudged(p);
  const others = limits.filter((l) => l !== l7Rules);
  if (limits.includes(l7Rules))
    say(
      nameOf(p),
      ["with L7 rules", ...others].join(", "),
      `the same object, with unsupported L7 rules${others.length === 0 ? "" : `; ${others.join(", ")} not judged by the suite`}`,
      { matters: "yes" },
    );
  else if (limits.length > 0)
    say(nameOf(p), `has ${limits.join(", ")}`, "as it is, not judged by the suite", { matters: "perhaps" });
  else if (/io\.cilium\.k8s\.policy\.serviceaccount/.test(JSON.stringify(p)))
    say(
      nameOf(p),
      "selects by service account",
      "as it is: stand-ins have service accounts of the same names",
      {
        matters: "no",
      },
    );
  else say(nameOf(p), "as it is", "as it is");
}

/** A service account without any right, for policies that select by it. */
const accountsOf = (workloads: readonly Workload[]): SourceObject[] => {
  const keys = workloads.flatMap((w) =>
    w.serviceAccount === undefined ? [] : [`${w.namespace}/${w.serviceAccount}`],
  );
  return [...new Set(keys)].map((key) => {
    const [namespace = "default", name = ""] = key.split("/");
    return {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name, namespace },
      automountServiceAccountToken: false,
    };
  });
};

const namespaceKey = "k8s:io.kubernetes.pod.namespace";

/** Policies of the whole cluster, for pods of the source's namespaces only: they would affect the lab itself. */
function clusterwideOf(
  c: SourceCluster,
  { namespaces, say }: { readonly namespaces: readonly string[]; readonly say: Say },
): SourceObject[] {
  return c.clusterwide.flatMap((o) => {
    const specs = specsOf(o);
    const ofNodes = specs.some((s) => s.nodeSelector !== undefined);
    if (ofNodes || namespaces.length === 0) {
      say(
        nameOf(o),
        ofNodes ? "selects nodes" : "of the whole cluster",
        `left out, because it would affect the lab itself${ofNodes ? "" : "; there are no pods of the source"}`,
        { matters: "yes", part: "unavailable" },
      );
      return [];
    }
    const limits = unjudged(o);
    say(
      nameOf(o),
      `of the whole cluster${limits.length === 0 ? "" : `; has ${limits.join(", ")}, not judged by the suite`}`,
      `for pods of ${namespaces.join(", ")} only: it would affect the lab itself`,
      {
        matters: "perhaps",
      },
    );
    const limited = specs.map((s) => {
      const selector = (s.endpointSelector ?? {}) as { matchExpressions?: unknown[] };
      return {
        ...s,
        endpointSelector: {
          ...selector,
          matchExpressions: [
            ...(selector.matchExpressions ?? []),
            { key: namespaceKey, operator: "In", values: [...namespaces] },
          ],
        },
      };
    });
    const { specs: _, ...rest } = o;
    const [only] = limited;
    return [
      bare(limited.length === 1 ? { ...rest, spec: only } : { ...rest, spec: undefined, specs: limited }),
    ];
  });
}

/** Nothing creates the kinds of the MCS-API unless Cilium's operator does. */
function exportsOf(c: SourceCluster, say: Say): SourceObject[] {
  const own = c.serviceExports.filter(isUsers);
  const isOn = hasMcsApi(c);
  for (const o of own)
    if (isOn) say(nameOf(o), "as it is", "as it is");
    else
      say(nameOf(o), "exported, though clustermesh.mcsapi is not enabled", "left out", {
        matters: "perhaps",
      });
  // The version that Cilium's own CRD serves in every release.
  return isOn ? own.map((o) => ({ ...bare(o), apiVersion: "multicluster.x-k8s.io/v1alpha1" })) : [];
}

/** Records of what a cluster did, and objects that other objects imply. */
const implied = new Set([
  ...["Event", "CiliumEndpoint", "CiliumIdentity", "CiliumEndpointSlice", "Lease", "ControllerRevision"],
  ...["ServiceAccount", "ServiceImport", "PodMetrics", "Endpoints"],
]);

/** Objects of which a line of its own says what they hold. */
const isDoubted = (o: SourceObject, { notes }: SourceCluster): boolean =>
  notes.some((n) => n.field in objectDoubts && n.inSource.startsWith(`${nameOf(o)} in `));

/** All that is not rebuilt, by kind. EndpointSlices of a service with a selector are made by Kubernetes. */
function sayDropped(c: SourceCluster, say: Say): void {
  const withSelector = new Set(
    c.services
      .filter((s) => s.spec?.selector !== undefined)
      .map((s) => `${s.metadata.namespace}/${s.metadata.name}`),
  );
  const ofService = (o: SourceObject): string =>
    `${o.metadata.namespace ?? "default"}/${o.metadata.labels?.["kubernetes.io/service-name"] ?? o.metadata.name}`;
  const others = c.others.filter((o) => !isCidrGroup(o));
  const dropped = [...others, ...c.workloads.filter((o) => ["Job", "CronJob"].includes(o.kind ?? ""))].filter(
    (o) =>
      isUsers(o) &&
      !implied.has(o.kind ?? "") &&
      !isDoubted(o, c) &&
      !(o.kind === "EndpointSlice" && withSelector.has(ofService(o))) &&
      !(
        o.kind === "ConfigMap" &&
        (o.metadata.name === "kube-root-ca.crt" || o.metadata.name === "cilium-config")
      ),
  );
  for (const [kind, group] of Map.groupBy(dropped, (o) => o.kind ?? "object")) {
    const names = group.map((o) =>
      [o.metadata.namespace, o.metadata.name].filter((n) => n !== undefined).join("/"),
    );
    const more = names.length > 12 ? ` and ${names.length - 12} more` : "";
    say(kind, `${names.slice(0, 12).join(", ")}${more}`, "left out", {
      matters: /EndpointSlice|Policy|Cilium|Gateway|Ingress|Route/.test(kind) ? "perhaps" : "no",
    });
  }
  const clusters = [...c.services, ...c.pods, ...c.workloads, ...c.policies, ...others].filter(
    (o) => !isUsers(o),
  );
  if (clusters.length > 0)
    say(
      "objects of the cluster itself",
      `${clusters.length} in namespaces such as kube-system`,
      "the lab's own",
      {
        matters: "no",
        part: "always",
      },
    );
  for (const p of c.policies.filter((o) => !isUsers(o)))
    say(
      nameOf(p),
      "in a namespace of the cluster itself",
      "left out, because it would affect the lab itself",
      {
        matters: "yes",
        part: "unavailable",
      },
    );
}
