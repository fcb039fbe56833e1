import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import { awaitAddress } from "#harness/cilium/agent/new-pod.ts";
import { slicePrefix } from "#harness/cilium/kvstore/cluster-slice.ts";
import { entriesUnder } from "#harness/cilium/kvstore/kvstore.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { kinds } from "#harness/kube/kube.ts";
import { found } from "#harness/lib/found.ts";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { judgeDenial, judgeOpen, judgeWithdrawal, servedFlows } from "#harness/testkit/absence.ts";
import type { Requirement } from "#harness/testkit/capabilities.ts";
import { type ClusterPair, type DefineTest, defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn, type SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import type { Asking } from "#harness/testkit/watch.ts";
import type { Waiting, Within } from "#harness/testkit/within.ts";
import { echoUdpPort } from "#harness/workloads/echo.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import type { Flow } from "#harness/workloads/flows.ts";
import {
  appliedPolicy,
  clientPod,
  policyFlow,
  policyObject,
  serverPod,
} from "#harness/workloads/policy-workload.ts";
import { serveEverywhere, waitUntilServedBy } from "#harness/workloads/sampling.ts";

const service = "echo-namespaced";
const clusterLabel = "io.cilium.k8s.policy.cluster";
/** The README of Cilium's chart, `clustermesh.defaultGlobalNamespace`: the guide does not cover it. */
const spec = "https://docs.cilium.io/en/v1.20/helm-reference/";

/**
 * The annotation takes precedence over the chart's default, so it is always set: the suite also runs where namespaces
 * are not global by default.
 */
async function mark(cluster: Cluster, namespace: string, global: boolean): Promise<void> {
  await cluster.kube.merge(kinds.namespace, undefined, namespace, {
    metadata: { annotations: { [annotation.globalNamespace]: String(global) } },
  });
}

/** A namespace of one cluster that is not global; its handle makes it global again and waits until that has an effect. */
async function notGlobal(
  cluster: Cluster,
  namespace: string,
  sharedAgain: () => Promise<unknown>,
): Promise<AsyncDisposable> {
  await mark(cluster, namespace, false);
  return {
    async [Symbol.asyncDispose]() {
      await mark(cluster, namespace, true);
      await sharedAgain();
    },
  };
}

/** Waits until the agents of a cluster hold an address of another, or have dropped it. */
async function addressKnown(
  cluster: Cluster,
  server: { readonly ip: string; readonly home: Cluster },
  known: boolean,
  within: Waiting,
): Promise<void> {
  const agents = await everyAgentOf(cluster, within.signal);
  const of = `${server.home.name}/server`;
  await Promise.all(agents.map((a) => awaitAddress(a, server.ip, { gone: !known, of, ...within })));
}

/** The flows of each cluster's allowed client to each server. */
interface Pods {
  readonly ipOf: (cluster: Cluster) => string;
  /** By TCP and by UDP. */
  readonly flows: (from: Cluster, to: Cluster) => Flow[];
  readonly asking: (within: Within) => Asking;
}

async function deployPods({
  mesh,
  namespace,
  images,
  budgets,
  within,
}: Pick<SuiteFixtures, "mesh" | "namespace" | "images" | "budgets" | "within">): Promise<Pods> {
  const servers = new Map<string, string>();
  await Promise.all(
    mesh.clusters.map(async (cluster) => {
      const own = { namespace, ...within.settle };
      servers.set(cluster.name, (await serverPod(cluster, { ...own, image: images.agnhost })).ip);
      await clientPod(cluster, "allowed", { ...own, image: images.prober });
    }),
  );
  const ipOf = ({ name }: Cluster): string => found(servers.get(name), `server in ${name}`);
  return {
    ipOf,
    flows: (from, to) => {
      const client = { cluster: from, role: "allowed" } as const;
      const server = { cluster: to, ip: ipOf(to) };
      return [
        policyFlow(client, server, namespace),
        policyFlow(client, { ...server, port: echoUdpPort, protocol: "udp" }, namespace),
      ];
    },
    asking: ({ sync }) => ({ timeoutMs: budgets.requestMs, within: sync }),
  };
}

/** What the kvstore still holds of a namespace, and should not. */
async function leftOf(cluster: Cluster, namespace: string, ips: readonly string[]): Promise<string[]> {
  const under = (prefix: string): Promise<ReadonlyMap<string, string>> => entriesUnder(cluster, prefix);
  const ofNamespace = (key: string): boolean => key.startsWith(`${cluster.name}/${namespace}/`);
  const services = [...(await under("cilium/state/services/v1/")).keys()].filter(ofNamespace);
  const slices = [...(await under(slicePrefix)).keys()].filter(ofNamespace);
  const addresses = [...(await under("cilium/state/ip/v1/default/")).keys()].filter((ip) => ips.includes(ip));
  const label = `k8s:io.kubernetes.pod.namespace=${namespace};`;
  const identities = [...(await under("cilium/state/identities/v1/id/"))].filter(([, labels]) =>
    labels.includes(label),
  );
  return [
    ...services.map((s) => `service ${s}`),
    ...slices.map((s) => `EndpointSlice ${s}`),
    ...addresses.map((ip) => `${ip} of ${namespace}`),
    ...identities.map(([id]) => `identity ${id} of ${namespace}`),
  ];
}

const sharedByAll = async (echo: EchoBackends, within: Waiting): Promise<void> => {
  for (const c of echo.clusters) await waitUntilServedBy(c, { echo, service, by: echo.clusters }, within);
};

export default defineSuite(
  {
    name: "global-namespaces",
    tags: ["lab-specific", "services", "kvstore", "policy"],
    when: "lab",
    order: 2,
    goal: "Objects in a namespace that is not global are not shared with other clusters: its services have no backends there, and policies there do not know its pods.",
    method:
      "Marks a namespace `clustermesh.cilium.io/global: \"false\"` in one cluster: its services, EndpointSlices, pods and identities must disappear from that cluster's kvstore, and the other cluster's clients must use only their own backends. Pods must still reach each other by address, but a policy that selects the other cluster's pods by label must stop matching them. Then reverses it.",
    failureMeans: "clustermesh-apiserver, which exports a cluster's objects.",
    echo: { replicas: 1, patient: true },
    setup: async ({ mesh, namespace, images, budgets, echo, within }) => {
      for (const c of mesh.clusters) await mark(c, namespace, true);
      await serveEverywhere(echo, service, { [annotation.global]: "true" }, within.settle);
      return deployPods({ mesh, namespace, images, budgets, within });
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs) {
      kvstoreTest(test, pair);
      podTest(test, pair);
      ingressTest(test, pair);
      egressTest(test, pair);
    }
  },
);

/** In kvstore identity mode agents write addresses and identities themselves, whatever their namespace. */
function requiredOf({ name }: { readonly name: string }): Requirement[] {
  return [
    { capability: "globalNamespaces", cluster: name },
    { capability: "clustermeshApiserver", cluster: name },
  ];
}

const droppedFrom = (
  cluster: Cluster,
  namespace: string,
  ips: readonly string[],
  { sync }: Within,
): Promise<Verdict> =>
  judgedInTime(
    async () =>
      failedBecause(
        (await leftOf(cluster, namespace, ips)).map(
          (left) => `the kvstore of ${cluster.name} still holds ${left}`,
        ),
      ),
    { what: `the kvstore of ${cluster.name} to drop namespace ${namespace}`, everyMs: 500, ...sync },
  );

function kvstoreTest(test: DefineTest<Pods>, pair: ClusterPair): void {
  const { from, to } = pair;
  test(`${pair.name} > what is in a namespace of ${to.name} that is not global stays there: ${from.name} has its own backends only`, {
    requires: requiredOf(to),
    spec,
  }, async ({ mesh, echo, namespace, setup: { asking }, within, keepFacts, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    await sharedByAll(echo, within.sync);
    const ips = (await to.kube.list(kinds.pod, namespace)).map((p) => String(p.status?.podIP));
    const shared = await judgedInTime(
      async () => {
        const held = (await leftOf(to, namespace, ips)).join(", ");
        // Not in this mode of 1.20; EndpointSlices are exported in each.
        const sliced = (await to.setting("clustermesh-service-v2")) === "only-endpointslice";
        return failedBecause(
          ["EndpointSlice", "identity", ...(sliced ? [] : ["service"]), ...ips]
            .filter((part) => !held.includes(part))
            .map((part) => `the kvstore of ${to.name} has no ${part} of ${namespace} while that is global`),
        );
      },
      { what: `the kvstore of ${to.name} to hold namespace ${namespace}`, everyMs: 500, ...within.sync },
    );
    expect(shared).toPass();
    await using marks = new AsyncDisposableStack();
    const others = mesh.clusters.filter((c) => c !== to);
    const verdict = await judgeWithdrawal(
      await servedFlows({ echo, client: from, service, of: [to], remaining: others }),
      {
        withdraw: async () => {
          marks.use(await notGlobal(to, namespace, () => sharedByAll(echo, within.sync)));
          expect(await droppedFrom(to, namespace, ips, within)).toPass();
          await waitUntilServedBy(from, { echo, service, by: others }, within.sync);
        },
        restore: () => marks.disposeAsync(),
      },
      asking(within),
    );
    expect(verdict).toPass();
    keepFacts({ pods: ips.length });
  });
}

/** Nodes are shared in any case, and with them the pod CIDRs: forwarding works without a pod's own entry. */
function podTest(test: DefineTest<Pods>, pair: ClusterPair): void {
  const { from, to } = pair;
  test(`${pair.name} > pods reach each other between ${from.name} and a namespace of ${to.name} that is not global`, {
    requires: requiredOf(to),
    spec,
  }, async ({ mesh, namespace, setup: { ipOf, flows, asking }, within, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    const known = (yes: boolean): Promise<void> =>
      addressKnown(from, { ip: ipOf(to), home: to }, yes, within.sync);
    await known(true);
    await using _mark = await notGlobal(to, namespace, () => known(true));
    await known(false);
    const both = [...flows(from, to), ...flows(to, from)];
    expect(await judgeOpen(both, "by address", asking(within))).toPass();
  });
}

/** The identity of the client is not exported, so no selector of the other cluster holds it. */
function ingressTest(test: DefineTest<Pods>, pair: ClusterPair): void {
  const { from, to } = pair;
  test(`${pair.name} > a policy of ${to.name} that lets in ${from.name}'s client by its labels denies it once its namespace is not global`, {
    requires: requiredOf(from),
    spec,
  }, async ({ mesh, namespace, setup: { ipOf, flows, asking }, within, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    const again = (): Promise<void> => addressKnown(to, { ip: ipOf(from), home: from }, true, within.sync);
    const allowing = policyObject(namespace, "ingress-by-identity", {
      endpointSelector: { matchLabels: { role: "server" } },
      ingress: [{ fromEndpoints: [{ matchLabels: { role: "allowed", [clusterLabel]: from.name } }] }],
    });
    await using policy = await appliedPolicy(to, allowing);
    await using marks = new AsyncDisposableStack();
    const verdict = await judgeDenial(
      flows(from, to),
      {
        deny: async () => marks.use(await notGlobal(from, namespace, again)),
        // Without the policy it is let in: the denial was the policy's.
        permit: () => policy[Symbol.asyncDispose](),
      },
      asking(within),
    );
    expect(verdict).toPass();
  });
}

/** The address of the server is not exported, so it is one of the world. */
function egressTest(test: DefineTest<Pods>, pair: ClusterPair): void {
  const { from, to } = pair;
  test(`${pair.name} > a policy of ${from.name} that lets its client reach ${to.name}'s server by its labels denies it once its namespace is not global`, {
    requires: requiredOf(to),
    spec,
  }, async ({ mesh, namespace, setup: { ipOf, flows, asking }, within, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    const again = (): Promise<void> => addressKnown(from, { ip: ipOf(to), home: to }, true, within.sync);
    const allowing = policyObject(namespace, "egress-by-identity", {
      endpointSelector: { matchLabels: { role: "allowed" } },
      egress: [{ toEndpoints: [{ matchLabels: { role: "server", [clusterLabel]: to.name } }] }],
    });
    await using policy = await appliedPolicy(from, allowing);
    await using marks = new AsyncDisposableStack();
    const verdict = await judgeDenial(
      flows(from, to),
      {
        deny: async () => marks.use(await notGlobal(to, namespace, again)),
        permit: () => policy[Symbol.asyncDispose](),
      },
      asking(within),
    );
    expect(verdict).toPass();
  });
}
