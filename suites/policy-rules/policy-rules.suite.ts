import type { Cluster } from "#harness/cluster/cluster.ts";
import { joinedWatch, judgeControl, judgeDenied } from "#harness/judge/absence.ts";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { bothWays } from "#harness/testkit/both-ways.ts";
import { type ClusterPair, defineSuite, type TestInfo } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { closedTimeoutMs, paced, watchInParts } from "#harness/testkit/watch.ts";
import { echoPortName, echoUdpPort } from "#harness/workloads/echo.ts";
import type { Answers } from "#harness/workloads/flows.ts";
import { pingFrom } from "#harness/workloads/ping.ts";
import { deniedBy, type Kit } from "../policy/denials.ts";
import { clusterLabel, httpPort, server, withPolicy } from "../policy/objects.ts";
import { allOpen, deployRoles } from "../policy/paths.ts";

const language = "https://docs.cilium.io/en/v1.19/security/policy/language/";
const udp = { port: echoUdpPort, protocol: "udp" } as const;

interface Rule extends TestInfo {
  readonly title: (pair: ClusterPair) => string;
  readonly find: (kit: Kit, pair: ClusterPair) => Promise<Verdict>;
}

/** A deny rule takes precedence over an allow rule that selects the same client. */
function denyRule(kit: Kit, pair: ClusterPair): Promise<Verdict> {
  const { from, to } = pairIn(kit.mesh, pair);
  return deniedBy(kit, {
    policy: () =>
      withPolicy(to, kit.namespace, "ingress-deny-by-cluster", {
        endpointSelector: server,
        ingress: [{ fromEntities: ["all"] }],
        ingressDeny: [{ fromEndpoints: [{ matchLabels: { role: "allowed", [clusterLabel]: from.name } }] }],
      }),
    closed: [
      { from, role: "allowed", to },
      { from, role: "allowed", to, ...udp },
    ],
    open: [
      { from, role: "denied", to },
      { from: to, role: "allowed", to },
    ],
  });
}

function entityAll(kit: Kit, pair: ClusterPair): Promise<Verdict> {
  const { from, to } = pairIn(kit.mesh, pair);
  return deniedBy(kit, {
    policy: () =>
      withPolicy(to, kit.namespace, "ingress-by-entity-all", {
        endpointSelector: server,
        ingress: [{ fromEntities: ["all"], toPorts: httpPort }],
      }),
    closed: [
      { from, role: "allowed", to, ...udp },
      { from: to, role: "allowed", to, ...udp },
    ],
    open: [
      { from, role: "denied", to },
      { from: to, role: "denied", to },
    ],
  });
}

/** Pods of every cluster of the mesh have identities, so none is of the world. */
function entityWorld(kit: Kit, pair: ClusterPair): Promise<Verdict> {
  const { from, to } = pairIn(kit.mesh, pair);
  return deniedBy(kit, {
    policy: () =>
      withPolicy(to, kit.namespace, "ingress-by-entity-world", {
        endpointSelector: server,
        ingress: [{ fromEntities: ["world"] }],
      }),
    closed: [
      { from, role: "allowed", to },
      { from, role: "allowed", to, ...udp },
      { from: to, role: "allowed", to },
    ],
    open: [],
  });
}

/** A CIDR selects no pod that Cilium manages, in no cluster. */
function podCidr(kit: Kit, pair: ClusterPair): Promise<Verdict> {
  const { from, to } = pairIn(kit.mesh, pair);
  return deniedBy(kit, {
    policy: () =>
      withPolicy(to, kit.namespace, "ingress-by-pod-cidr", {
        endpointSelector: server,
        ingress: [
          { fromCIDR: [from.podCidr] },
          { fromEndpoints: [{ matchLabels: { role: "allowed", [clusterLabel]: to.name } }] },
        ],
      }),
    closed: [
      { from, role: "allowed", to },
      { from, role: "allowed", to, ...udp },
    ],
    open: [{ from: to, role: "allowed", to }],
  });
}

/** The number behind the name is that of the other cluster's pod, which its cluster exports with its address. */
function namedPort(kit: Kit, pair: ClusterPair): Promise<Verdict> {
  const { from, to } = pairIn(kit.mesh, pair);
  return deniedBy(kit, {
    policy: () =>
      withPolicy(from, kit.namespace, "egress-by-named-port", {
        endpointSelector: { matchLabels: { role: "allowed" } },
        egress: [
          {
            toEndpoints: [{ matchLabels: { role: "server", [clusterLabel]: to.name } }],
            toPorts: [{ ports: [{ port: echoPortName, protocol: "TCP" }] }],
          },
        ],
      }),
    closed: [
      { from, role: "allowed", to, ...udp },
      { from, role: "allowed", to: from },
    ],
    open: [{ from, role: "allowed", to }],
  });
}

const echoRequest = [{ fields: [{ type: "EchoRequest", family: "IPv4" }] }];

/** Echo requests of the allowed client of `from` to the server of `to`. */
const pinging = ({ namespace, setup, within }: Kit, from: Cluster, to: Cluster) => {
  const { ip } = setup.server(to);
  return {
    flow: `${from.name}/allowed -> ${to.name}/server (${ip}/icmp)`,
    send: (count: number, everyMs: number, timeoutMs: number) =>
      pingFrom({ cluster: from, namespace, pod: "allowed" }, ip, {
        count,
        everyMs,
        timeoutMs,
        signal: within.signal,
      }),
  };
};

/** A rule for echo requests lets them in, and nothing else. */
async function icmpAllowed(kit: Kit, pair: ClusterPair): Promise<Verdict> {
  const { from, to } = pairIn(kit.mesh, pair);
  const { flow, send } = pinging(kit, from, to);
  return deniedBy(kit, {
    policy: () =>
      withPolicy(to, kit.namespace, "ingress-of-echo-requests", {
        endpointSelector: server,
        ingress: [
          {
            fromEndpoints: [{ matchLabels: { role: "allowed", [clusterLabel]: from.name } }],
            icmps: echoRequest,
          },
        ],
      }),
    closed: [
      { from, role: "allowed", to },
      { from, role: "allowed", to, ...udp },
    ],
    open: [],
    meanwhile: async () => judgeControl(flow, await send(20, 100, kit.setup.asking(kit.within).timeoutMs)),
  });
}

/** A rule for a port lets no echo request in. */
async function icmpDenied(kit: Kit, pair: ClusterPair): Promise<Verdict> {
  const { from, to } = pairIn(kit.mesh, pair);
  const { flow, send } = pinging(kit, from, to);
  const { timeoutMs } = kit.setup.asking(kit.within);
  const control = (): Promise<Answers> => send(2, 100, timeoutMs);
  const before = await control();
  let during: Answers = [];
  const verdict = await deniedBy(kit, {
    policy: () =>
      withPolicy(to, kit.namespace, "ingress-of-a-port", {
        endpointSelector: server,
        ingress: [
          {
            fromEndpoints: [{ matchLabels: { role: "allowed", [clusterLabel]: from.name } }],
            toPorts: httpPort,
          },
        ],
      }),
    closed: [{ from, role: "allowed", to, ...udp }],
    open: [{ from, role: "allowed", to }],
    meanwhile: async () => {
      const [parts = []] = await watchInParts(
        [flow],
        async (_, count) => [await send(count, paced.everyMs, closedTimeoutMs)],
        kit.within.sync,
      );
      during = joinedWatch(parts);
      return failedBecause([]);
    },
  });
  // Without the time of the denial there is nothing to judge but why.
  if (verdict.outcome !== "pass") return verdict;
  return judgeDenied({ flow, before, during, after: await control() });
}

/** Each policy is in one cluster, so both ways are tested at once. */
const rules: readonly Rule[] = [
  {
    title: ({ from, to }) =>
      `a deny rule of ${to.name} shuts out a client of ${from.name} that a rule allows`,
    find: denyRule,
    spec: `${language}#deny-policies`,
  },
  {
    title: ({ to }) => `the entity all in ${to.name} lets in the pods of both clusters, on its port only`,
    find: entityAll,
    spec: `${language}#entities-based`,
  },
  {
    title: ({ to }) => `the entity world in ${to.name} lets in no pod of the mesh`,
    find: entityWorld,
    spec: `${language}#entities-based`,
  },
  {
    title: ({ from, to }) => `the pod CIDR of ${from.name} in a policy of ${to.name} lets in no pod`,
    find: podCidr,
    spec: `${language}#ip-cidr-based`,
  },
  {
    title: ({ from, to }) =>
      `a named port lets the client of ${from.name} reach that port of ${to.name}'s server only`,
    find: namedPort,
    spec: `${language}#layer-4-examples`,
  },
  {
    title: ({ from, to }) =>
      `an ICMP rule of ${to.name} lets in echo requests of ${from.name}, and nothing else`,
    find: icmpAllowed,
    spec: `${language}#limit-icmp-icmpv6-types`,
    requires: ["localNodes"],
  },
  {
    title: ({ from, to }) => `a rule for a port of ${to.name} lets in no echo request of ${from.name}`,
    find: icmpDenied,
    spec: `${language}#limit-icmp-icmpv6-types`,
    requires: ["localNodes"],
  },
];

export default defineSuite(
  {
    name: "policy-rules",
    tags: ["lab-specific", "policy", "extended"],
    when: "lab",
    order: 10,
    goal: "Rules of CiliumNetworkPolicy mean the same for pods of other clusters as for a cluster's own: deny rules, entities, CIDRs, named ports and ICMP.",
    method:
      "As in the suite policy: a denied flow must let none of hundreds of requests through in five seconds, by TCP and UDP, and be open before and after.",
    failureMeans: "Policy enforcement, or the identities and named ports of the other cluster's pods.",
    setup: async ({ mesh, namespace, budgets, images, within }) => {
      const context = await deployRoles({ mesh, namespace, budgets, images, within });
      await allOpen(mesh.clusters, context, within);
      return context;
    },
  },
  ({ pairs, test }) => {
    for (const { title, find, ...info } of rules) {
      const finding = bothWays(pairs, find);
      for (const pair of pairs)
        test(`${pair.name} > ${title(pair)}`, info, async ({ mesh, namespace, setup, within, expect }) => {
          expect(await finding({ mesh, namespace, setup, within }, pair)).toPass();
        });
    }
  },
);
