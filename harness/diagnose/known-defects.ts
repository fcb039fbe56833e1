import semver from "semver";
import type { Finding } from "#harness/model/finding.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { affects } from "#harness/semantics/affected.ts";
import { annotation, isGlobal } from "#harness/semantics/annotations.ts";
import { changingAddresses } from "#harness/semantics/apart.ts";
import { kvstoresOf } from "#harness/semantics/kvstores.ts";
import { hasAffinityNone } from "#harness/semantics/service-definitions.ts";
import { type FindingId, findingOf } from "./catalogue/index.ts";
import { apiserverPods, ciliumNamespace, known, kubectl, nameOf, slicesOf, versionOf } from "./parts.ts";
import { fullReplicas } from "./refused-sources.ts";
import { apiserver, restart } from "./repairs.ts";

/** What triggers a defect in an affected cluster. */
interface Trigger {
  readonly subject: string;
  readonly message: string;
  /** What helps before an upgrade. */
  readonly next: string;
  readonly severity: "broken" | "suspect";
  readonly id?: FindingId;
}

type Find = (mesh: MeshSnapshot, cluster: ClusterSnapshot) => readonly Trigger[];

/** Defects of a cluster's version that its settings or objects trigger; what nothing triggers is not reported. */
export function knownDefects(mesh: MeshSnapshot, defects: readonly KnownDefect[]): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    const version = versionOf(cluster);
    if (version === undefined || !cluster.config.ok) return [];
    const settings = cluster.config.value;
    return defects
      .filter((d) => affects(d, { name: cluster.name, cilium: version, settings }))
      .flatMap((defect) =>
        (triggers.get(defect.id)?.(mesh, cluster) ?? []).map(
          ({ id = "cilium-defect", next, message, ...rest }) =>
            findingOf(id, {
              cluster: cluster.name,
              ...rest,
              message: `${message} (known defect ${defect.id} of Cilium ${version}: ${defect.what})`,
              next: `${next}; ${upgrade(version, defect.fixedIn)}`,
            }),
        ),
      );
  });
}

/** The first fix that is no downgrade, of the same minor if there is one. */
function upgrade(version: string, fixedIn: readonly string[]): string {
  const [first] = semver.sort(fixedIn.filter((v) => semver.gt(v, version)));
  return first === undefined
    ? "no release of Cilium has a fix yet"
    : `upgrade Cilium to ${first} or later, which has the fix`;
}

/** A NetworkPolicy with a peer that is nothing but an ipBlock. */
const onlyIpBlocks: Find = (_, cluster) =>
  known(cluster.policyObjects).flatMap((policy) => {
    const hit =
      policy.kind === "NetworkPolicy" &&
      policy.specs.some((spec) => /"ipBlock":/.test(JSON.stringify([spec.ingress ?? [], spec.egress ?? []])));
    if (!hit) return [];
    const name = `${policy.namespace}/${policy.name}`;
    return [
      {
        subject: `policy ${name} of ${cluster.name}`,
        message: `policy ${name} of ${cluster.name} holds an ipBlock, which this Cilium does not enforce as written`,
        next: "write it as a CiliumNetworkPolicy with fromCIDR or toCIDR",
        severity: "suspect",
      },
    ];
  });

/** Without a backend of its own the cluster's clients have none at all. */
const affinityNone: Find = (_, cluster) =>
  known(cluster.services)
    .filter((s) => isGlobal(s.annotations) && hasAffinityNone(s.annotations))
    .map(
      ({ namespace, name }): Trigger => ({
        subject: `service ${namespace}/${name} of ${cluster.name}`,
        message: `service ${namespace}/${name} of ${cluster.name} has affinity "none", which this Cilium takes for "own backends only"`,
        next: `remove the annotation: ${kubectl(namespace, "annotate", `service/${name}`, `${annotation.affinity}-`)}`,
        severity: known(cluster.endpoints).some(
          (e) => e.namespace === namespace && e.service === name && e.ready,
        )
          ? "suspect"
          : "broken",
      }),
    );

/** Any cluster's: the reader of a remote service has the defect. */
const oneTargetPort: Find = (mesh, cluster) =>
  known(cluster.services)
    .filter((s) => isGlobal(s.annotations))
    .flatMap(({ namespace, name }) => {
      const twins = mesh.clusters
        .filter((c) => c !== cluster && c.slices?.ok === true)
        .flatMap((c) => slicesOf(c, { namespace, name }))
        .filter((s) => !s.mirrored)
        .map((s) =>
          s.ports.filter((p) =>
            s.ports.some((q) => q !== p && q.port === p.port && q.protocol === p.protocol),
          ),
        )
        .find((ports) => ports.length > 0);
      if (twins === undefined) return [];
      return [
        {
          subject: `service ${namespace}/${name} of ${cluster.name}`,
          message: `ports ${twins.map((p) => p.name).join(" and ")} of service ${namespace}/${name} have one target port ${twins[0]?.port}: in ${cluster.name} only one of them has backends of other clusters`,
          next: "give each port a target port of its own",
          severity: "broken",
        },
      ];
    });

const lostAddress: Find = (mesh, cluster) => {
  // One that takes no writes lacks it for that reason.
  const full = fullReplicas(cluster);
  const held = kvstoresOf(cluster)
    .filter(({ pod }) => (pod === undefined ? full.size === 0 : !full.has(pod)))
    .map(({ state }) => new Set(state.own.addresses.map((a) => a.ip)))
    // An empty kvstore has another cause.
    .filter((addresses) => addresses.size > 0);
  const changing = changingAddresses(mesh);
  const pods = new Set(
    known(cluster.pods)
      .filter((p) => p.ready && !p.ending)
      .map((p) => `${p.namespace}/${p.name} ${p.ip}`),
  );
  return known(cluster.ciliumEndpoints)
    .filter(
      (e) =>
        held.some((addresses) => !addresses.has(e.ip)) &&
        !changing.has(e.ip) &&
        pods.has(`${e.namespace}/${e.name} ${e.ip}`),
    )
    .slice(0, 3)
    .map(
      (e): Trigger => ({
        subject: `address ${e.ip} of ${cluster.name}`,
        message: `the kvstore of ${nameOf(cluster)} lacks ${e.ip}, which pod ${e.namespace}/${e.name} has`,
        next: restart(cluster, apiserver),
        severity: "suspect",
      }),
    );
};

const endpointSlicesUnread: Find = (_, cluster) => [
  {
    subject: `clustermesh-service-v2 of ${cluster.name}`,
    message: `the agents and the operator of ${cluster.name} read EndpointSlices of other clusters and use none of them`,
    next: "set clustermesh-service-v2 back to prefer-legacy (its default) and restart agents and operator",
    severity: "broken",
  },
];

/** One replica is sick, another is well, and a peer cannot connect: session affinity keeps it at the sick one. */
const affinityNotReady: Find = (mesh, cluster) => {
  const replicas = apiserverPods(cluster);
  const sick = replicas.filter((p) => !p.ready);
  const lost = mesh.clusters.filter(
    (peer) =>
      peer !== cluster &&
      [...known(peer.kvstoreMesh), ...peer.agents.flatMap((a) => known(a.remotes))].some(
        (r) => r.name === nameOf(cluster) && !r.ready,
      ),
  );
  const [first] = sick;
  if (first === undefined || sick.length === replicas.length || lost.length === 0) return [];
  return [
    {
      id: "apiserver-affinity-not-ready",
      subject: `clustermesh-apiserver of ${cluster.name}`,
      message: `${sick.map((p) => p.name).join(" and ")} of ${cluster.name} is not ready while another replica is, and ${lost.map((c) => c.name).join(" and ")} cannot connect: session affinity keeps a client at a replica that is not ready`,
      next: kubectl(ciliumNamespace(cluster), "delete", `pod/${first.name}`),
      severity: "broken",
    },
  ];
};

/** By the ids of suites/known-defects.yaml: a test fails for one that is not here. */
export const triggers: ReadonlyMap<string, Find> = new Map<string, Find>([
  ["CVE-2026-56743", onlyIpBlocks],
  ["ipblock-refused", onlyIpBlocks],
  ["cilium-46635", affinityNone],
  ["cilium-45179", oneTargetPort],
  ["cilium-45780", lostAddress],
  ["cilium-46627", endpointSlicesUnread],
  ["affinity-not-ready", affinityNotReady],
]);
