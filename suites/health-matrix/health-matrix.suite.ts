import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import { nodeTruth } from "#harness/cilium/truth.ts";
import { healthCells, judgeHealth } from "#harness/judge/health.ts";
import { judgeSizes } from "#harness/judge/sizes.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { missedDeadline } from "#harness/lib/errors.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { askSizes, healthAddresses, healthSizes, smallestMtu } from "#harness/testkit/ask-sizes.ts";
import { type DefineTest, defineSuite } from "#harness/testkit/define-suite.ts";
import { everyVantageOf } from "#harness/workloads/vantage.ts";

/** Enough to ask every agent once. */
const askAgainMs = 10_000;

export default defineSuite(
  {
    name: "health-matrix",
    tags: ["core", "health", "nodes"],
    when: "core",
    order: 3,
    goal: "Every agent reaches the host and the health endpoint of every node of every cluster, by ICMP and HTTP.",
    method:
      "Waits until every path was probed after the test began (the report's own age is not sufficient) and judges each cell; then sends full packets and 64 KiB to the same addresses.",
    failureMeans: "The network between the nodes, or the tunnel.",
  },
  ({ clusters, test }) => {
    /** Start of the first test: the tests share one wait for fresh probes. */
    let asking: { readonly wallMs: number; readonly monotonicMs: number } | undefined;

    for (const { name: fromName } of clusters) {
      for (const { name: toName } of clusters) {
        // Two probe intervals, which grow with the number of nodes: 132 s with four, by the chart's own defaults.
        test(`every agent of ${fromName} reaches every node of ${toName}`, {
          timeoutMs: 1_200_000,
        }, async ({ mesh, budgets, within, signal, keepFacts, keepHealth, expect }) => {
          const [from, to] = [mesh.cluster(fromName), mesh.cluster(toName)];
          asking ??= { wallMs: Date.now(), monotonicMs: monotonicMs() };
          const requested = asking;
          const agents = await everyAgentOf(from, signal);
          const names = agents.map((a) => a.name);
          const nodes = (await nodeTruth(to)).map((n) => n.name);
          const look = async () => {
            const reports = await Promise.all(agents.map((a) => a.health()));
            return {
              cells: healthCells(reports, nodes, requested.wallMs),
              intervalMs:
                Math.min(...reports.map((r) => r.probeIntervalMs)) === 0
                  ? 0
                  : Math.max(...reports.map((r) => r.probeIntervalMs)),
            };
          };
          let { cells, intervalMs } = await look();
          if (intervalMs === 0) {
            // A freshly started agent does not know its probe interval yet, on which the deadline depends.
            await eventually(
              async () => {
                ({ cells, intervalMs } = await look());
                return intervalMs > 0 ? ready(undefined) : notYet("no probe interval");
              },
              {
                what: `the agents of ${from.name} to begin probing`,
                everyMs: 2000,
                ...within.ms(budgets.healthMs),
              },
            );
          }
          await eventually(
            async () => {
              ({ cells } = await look());
              const open = cells.filter((c) => c.state !== "ok");
              return open.length === 0
                ? ready(undefined)
                : notYet(`${open.length} of ${cells.length} paths are not ok`);
            },
            {
              what: "a fresh and healthy matrix",
              withinMs: Math.max(
                // Of a later test: the first one has waited for the probes.
                askAgainMs,
                Math.max(budgets.healthMs, 2 * intervalMs + 30_000) - (monotonicMs() - requested.monotonicMs),
              ),
              everyMs: 2000,
              signal,
            },
          ).catch((error: unknown) => {
            if (signal.aborted || !missedDeadline(error) || error.code === "late") throw error;
          });
          keepHealth(cells);
          keepFacts({
            cells: cells.length,
            slowestMs: Math.max(0, ...cells.map((c) => c.latencyMs ?? 0)),
            probeIntervalMs: intervalMs,
          });
          expect(judgeHealth(cells, names)).toPass();
        });
        testSizes(test, fromName, toName);
      }
    }
  },
);

/** The agents' own probes are small. */
function testSizes(test: DefineTest<undefined>, fromName: string, toName: string): void {
  test(`every node of ${fromName} reaches every node of ${toName} with full packets and 64 KiB`, async ({
    mesh,
    budgets,
    signal,
    keepFacts,
    expect,
  }) => {
    const [from, to] = [mesh.cluster(fromName), mesh.cluster(toName)];
    const vantages = await everyVantageOf(from.kube);
    const targets = await healthAddresses(to);
    const agents = await Promise.all([from, to].map((c) => everyAgentOf(c, signal)));
    const mtu = await smallestMtu(agents.flat());
    const paths = await askSizes({ cluster: from, vantages }, targets, healthSizes(mtu), {
      timeoutMs: budgets.requestMs,
      signal,
    });
    keepFacts({ paths: vantages.length * targets.length, mtu });
    expect(judgeSizes(paths, vantages.length * targets.length)).toPass();
  });
}
