import { entriesUnder } from "#harness/cilium/kvstore/kvstore.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { kinds } from "#harness/kube/kube.ts";
import { failedBecause } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import type { Waiting } from "#harness/testkit/within.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { serveEverywhere, waitUntilServedBy } from "#harness/workloads/sampling.ts";

const service = "echo-namespaced";
const globalNamespace = "clustermesh.cilium.io/global";

/** Marks a namespace of one cluster; its handle removes the mark and waits until everything is shared again. */
async function marked(cluster: Cluster, echo: EchoBackends, within: Waiting): Promise<AsyncDisposable> {
  const mark = (value: string | null) =>
    cluster.kube.merge(kinds.namespace, undefined, echo.namespace, {
      metadata: { annotations: { [globalNamespace]: value } },
    });
  await mark("false");
  return {
    async [Symbol.asyncDispose]() {
      await mark(null);
      for (const c of echo.clusters) await waitUntilServedBy(c, { echo, service, by: echo.clusters }, within);
    },
  };
}

export default defineSuite(
  {
    name: "global-namespaces",
    tags: ["lab-specific", "services", "kvstore"],
    when: "lab",
    order: 2,
    goal: "Objects in a namespace that is not global are not shared with other clusters.",
    method:
      "Marks a namespace `clustermesh.cilium.io/global: \"false\"` in one cluster: its service and pods must disappear from that cluster's kvstore, and the other cluster's clients must use only their own backends; then reverses it.",
    failureMeans: "clustermesh-apiserver, which exports a cluster's objects.",
    echo: { replicas: 1 },
    setup: async ({ echo, within }) =>
      serveEverywhere(echo, service, { [annotation.global]: "true" }, within.settle),
  },
  ({ pairs, test }) => {
    for (const pair of pairs) {
      const { from, to } = pair;
      test(`${pair.name} > what is in a namespace of ${to.name} that is not global stays there: ${from.name} has its own backends only`, {
        requires: [{ capability: "globalNamespaces", cluster: to.name }],
      }, async ({ mesh, echo, within, keepFacts, expect }) => {
        const { from, to } = pairIn(mesh, pair);
        const pods = await to.kube.list(kinds.pod, echo.namespace);
        const ips = pods.map((p) => String(p.status?.podIP));
        await using _mark = await marked(to, echo, within.sync);
        const verdict = await judgedInTime(
          async () => {
            const services = [...(await entriesUnder(to, "cilium/state/services/v1/")).keys()];
            const addresses = [...(await entriesUnder(to, "cilium/state/ip/v1/default/")).keys()];
            return failedBecause([
              ...(ips.length === 0
                ? [`${to.name} has no pod in ${echo.namespace}, which proves nothing`]
                : []),
              ...services
                .filter((s) => s === `${to.name}/${echo.namespace}/${service}`)
                .map((s) => `the kvstore of ${to.name} still holds service ${s}`),
              ...ips
                .filter((ip) => addresses.includes(ip))
                .map((ip) => `the kvstore of ${to.name} still holds ${ip} of ${echo.namespace}`),
            ]);
          },
          {
            what: `the kvstore of ${to.name} to drop namespace ${echo.namespace}`,
            everyMs: 500,
            ...within.sync,
          },
        );
        expect(verdict).toPass();
        const others = mesh.clusters.filter((c) => c !== to);
        await waitUntilServedBy(from, { echo, service, by: others }, within.sync);
        keepFacts({ pods: ips.length });
      });
    }
  },
);
