import { dropReasons } from "#harness/cilium/agent/drops.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeOutcomes } from "#harness/judge/policy.ts";
import { kinds } from "#harness/kube/kube.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { judgeDenial } from "#harness/testkit/absence.ts";
import type { ClusterPair } from "#harness/testkit/define-suite.ts";
import { type Facts, pairIn, type SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import { echoHttpPort, echoUdpPort } from "#harness/workloads/echo.ts";
import { askFlow } from "#harness/workloads/policy-workload.ts";
import {
  clusterLabel,
  foreignBlock,
  httpPort,
  meansOwnCluster,
  server,
  withNetworkPolicy,
  withPolicy,
} from "./objects.ts";
import { type Path, type PolicyContext, roles } from "./paths.ts";

export type Kit = Pick<SuiteFixtures, "mesh" | "namespace" | "within"> & { readonly setup: PolicyContext };

export interface Found {
  readonly verdict: Verdict;
  readonly facts?: Facts;
}

export interface Denied {
  readonly policy: () => Promise<AsyncDisposable>;
  readonly closed: readonly Path[];
  readonly open: readonly Path[];
  readonly meanwhile?: () => Promise<Verdict>;
}

/** Denies paths by a policy, which is gone at the end in any case. */
export async function deniedBy(
  { setup, within }: Kit,
  { policy, closed, open, meanwhile }: Denied,
): Promise<Verdict> {
  await using applied = new AsyncDisposableStack();
  return await judgeDenial(
    closed.map(setup.flow),
    {
      deny: async () => applied.use(await policy()),
      permit: () => applied.disposeAsync(),
      open: open.map(setup.flow),
      ...(meanwhile === undefined ? {} : { meanwhile }),
    },
    setup.asking(within),
  );
}

const udp = { port: echoUdpPort, protocol: "udp" } as const;

export function inwards(kit: Kit, pair: ClusterPair): Promise<Verdict> {
  const { from, to } = pairIn(kit.mesh, pair);
  return deniedBy(kit, {
    policy: () =>
      withPolicy(to, kit.namespace, "ingress-by-cluster-and-label", {
        // With its own cluster's label, like the guide's `allow-cross-cluster` (seed 003).
        endpointSelector: { matchLabels: { ...server.matchLabels, [clusterLabel]: to.name } },
        ingress: [
          {
            fromEndpoints: [{ matchLabels: { role: "allowed", [clusterLabel]: from.name } }],
            toPorts: httpPort,
          },
        ],
      }),
    closed: [
      { from, role: "denied", to },
      { from: to, role: "allowed", to },
      { from, role: "allowed", to, ...udp },
    ],
    open: [
      { from, role: "allowed", to },
      // The policy exists only in the other cluster, so it does not apply to this one's server with the same labels.
      { from, role: "denied", to: from },
    ],
    meanwhile: async () =>
      failedBecause(
        (await from.kube.list(kinds.ciliumNetworkPolicy, kit.namespace)).map(
          (p) => `policy ${p.metadata.name} of ${to.name} is in ${from.name} too`,
        ),
      ),
  });
}

export async function outwards(kit: Kit, pair: ClusterPair): Promise<Found> {
  const { from, to } = pairIn(kit.mesh, pair);
  const verdict = await deniedBy(kit, {
    policy: () =>
      withPolicy(from, kit.namespace, "egress-by-cluster", {
        endpointSelector: { matchLabels: { role: "allowed" } },
        egress: [
          {
            toEndpoints: [{ matchLabels: { role: "server", [clusterLabel]: to.name } }],
            toPorts: httpPort,
          },
        ],
      }),
    closed: [
      { from, role: "allowed", to: from },
      { from, role: "allowed", to, ...udp },
    ],
    open: [
      { from, role: "allowed", to },
      { from, role: "denied", to: from },
    ],
  });
  return { verdict };
}

export async function defaultDeny(kit: Kit, pair: ClusterPair): Promise<Found> {
  const { from, to } = pairIn(kit.mesh, pair);
  const { setup, within } = kit;
  const protocols = [
    ["tcp", echoHttpPort],
    ["udp", echoUdpPort],
  ] as const;
  const at = setup.server(to);
  const dropped = protocols.map(([protocol, port]) => ({
    source: setup.clientIp(from, "allowed"),
    destination: at.ip,
    port,
    protocol,
  }));
  let reasons: string[] = [];
  const verdict = await deniedBy(kit, {
    policy: () => withPolicy(to, kit.namespace, "default-deny", { endpointSelector: server, ingress: [{}] }),
    closed: [
      { from, role: "allowed", to },
      { from, role: "allowed", to, ...udp },
      { from: to, role: "allowed", to },
    ],
    open: [],
    meanwhile: async () => {
      reasons = await dropReasons(to, at.node, dropped, within.sync);
      return failedBecause(
        reasons.flatMap((reason, i) =>
          reason === "Policy denied"
            ? []
            : [
                `${to.name}/${at.node} dropped ${from.name}/allowed -> ${at.ip}:${protocols[i]?.[1]} because: ${reason}`,
              ],
        ),
      );
    },
  });
  return { verdict, facts: { dropReason: [...new Set(reasons)].join(", ") } };
}

export async function byEntity(kit: Kit, pair: ClusterPair): Promise<Found> {
  const { from, to } = pairIn(kit.mesh, pair);
  const verdict = await deniedBy(kit, {
    policy: () =>
      withPolicy(to, kit.namespace, "ingress-by-entity", {
        endpointSelector: server,
        ingress: [{ fromEntities: ["cluster"] }],
      }),
    closed: [
      { from, role: "allowed", to },
      { from, role: "allowed", to, ...udp },
    ],
    open: [
      { from: to, role: "allowed", to },
      { from: to, role: "denied", to },
    ],
  });
  return { verdict };
}

/** The paths of a policy that allows one port to the label `allowed`, without a cluster label. */
function byLabelAlone(
  { from, to }: { from: Cluster; to: Cluster },
  own: boolean,
): Pick<Denied, "closed" | "open"> {
  const across: Path = { from, role: "allowed", to };
  return {
    closed: [
      { from: to, role: "denied", to },
      { from, role: "denied", to },
      { from: to, role: "allowed", to, ...udp },
      ...(own ? [across] : []),
    ],
    open: [{ from: to, role: "allowed", to }, ...(own ? [] : [across])],
  };
}

const labelAlone = {
  endpointSelector: server,
  ingress: [{ fromEndpoints: [{ matchLabels: { role: "allowed" } }], toPorts: httpPort }],
};

export async function byLabel(kit: Kit, pair: ClusterPair): Promise<Found> {
  const { from, to } = pairIn(kit.mesh, pair);
  const own = await meansOwnCluster(to);
  const verdict = await deniedBy(kit, {
    policy: () => withPolicy(to, kit.namespace, "ingress-by-label-alone", labelAlone),
    ...byLabelAlone({ from, to }, own),
  });
  return { verdict, facts: { policyDefaultLocalCluster: own } };
}

export async function ofKubernetes(kit: Kit, pair: ClusterPair): Promise<Found> {
  const { from, to } = pairIn(kit.mesh, pair);
  const own = await meansOwnCluster(to);
  const verdict = await deniedBy(kit, {
    policy: () =>
      withNetworkPolicy(to, kit.namespace, "ingress-of-kubernetes", {
        podSelector: server,
        policyTypes: ["Ingress"],
        ingress: [
          {
            from: [{ podSelector: { matchLabels: { role: "allowed" } } }],
            ports: [{ port: echoHttpPort, protocol: "TCP" }],
          },
        ],
      }),
    ...byLabelAlone({ from, to }, own),
  });
  return { verdict, facts: { policyDefaultLocalCluster: own } };
}

/** An ipBlock names no pod, so a policy that holds nothing else lets none in (CVE-2026-56743). */
export async function ipBlockAlone(kit: Kit, pair: ClusterPair): Promise<Found> {
  const { from, to } = pairIn(kit.mesh, pair);
  const verdict = await deniedBy(kit, {
    policy: () =>
      withNetworkPolicy(to, kit.namespace, "ingress-by-ip-block", {
        podSelector: server,
        policyTypes: ["Ingress"],
        ingress: [{ from: [{ ipBlock: { cidr: foreignBlock } }] }],
      }),
    closed: [
      ...roles.flatMap((role) => [
        { from: to, role, to },
        { from, role, to },
      ]),
      { from, role: "allowed", to, ...udp },
    ],
    open: [],
  });
  return { verdict, facts: { policyDefaultLocalCluster: await meansOwnCluster(to) } };
}

interface Meaning {
  readonly cluster: string;
  readonly own: boolean;
  readonly verdict: Verdict;
}

/** By traffic: what a selector without a cluster label means in a cluster, compared with its ConfigMap. */
async function meaningOf(kit: Kit, from: Cluster, to: Cluster): Promise<Meaning> {
  const { setup, namespace, within } = kit;
  const own = await meansOwnCluster(to);
  const { timeoutMs } = setup.asking(within);
  await using _policy = await withPolicy(to, namespace, "ingress-by-label-alone", labelAlone);
  const expected = [
    { path: { from: to, role: "denied", to }, open: false },
    { path: { from: to, role: "allowed", to }, open: true },
    { path: { from, role: "allowed", to }, open: !own },
  ] as const;
  const verdict = await judgedInTime(
    async () =>
      judgeOutcomes(
        await Promise.all(
          expected.map(async ({ path, open }) => ({
            path: await askFlow(setup.flow(path), { timeoutMs, signal: within.signal }),
            open,
          })),
        ),
      ),
    { what: `the policy of ${to.name} to mean what its ConfigMap says`, everyMs: 500, ...within.sync },
  );
  return { cluster: to.name, own, verdict };
}

/** Whether the traffic of this mesh shows both meanings. */
export async function bothMeanings(kit: Kit): Promise<Found> {
  const { clusters } = kit.mesh;
  const seen = await Promise.all(
    clusters.map((to, i) => meaningOf(kit, clusters[(i + 1) % clusters.length] ?? to, to)),
  );
  const facts = Object.fromEntries(seen.map(({ cluster, own }) => [cluster, own]));
  const all = seen.map(
    ({ cluster, own }) => `policy ingress-by-label-alone of ${cluster}: ${own ? "own" : "every"} cluster`,
  );
  const one = failedBecause(
    new Set(seen.map((s) => s.own)).size === 2 ? [] : [`only one meaning was tested: ${all.join(", ")}`],
  );
  return { verdict: combine([one, ...seen.map((s) => s.verdict)]), facts };
}
