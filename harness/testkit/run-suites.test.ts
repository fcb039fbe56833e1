import { readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { planLab } from "#harness/config/plan.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleLabState } from "#harness/model/examples.ts";
import type { PlannedExternalCluster } from "#harness/model/lab-plan.ts";
import type { SuiteRecord, TestRecord } from "#harness/model/record.ts";
import { type RunContext, runContextSchema } from "#harness/model/run-context.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { writeLabState } from "#harness/state/lab.ts";
import { eventsOutput } from "./reporters/events.ts";
import { junitOutput } from "./reporters/junit.ts";
import { RecordReporter } from "./reporters/records.ts";
import { WriteQueue } from "./reporters/write-queue.ts";
import { writeRunContext } from "./run-context.ts";
import { runSuites } from "./run-suites.ts";
import { loadSuites } from "./suite-list.ts";

const suitesDir = join(repoRoot(), "harness/testkit/fixtures/suites");

/** A fake API server that only stores namespaces. Records the requests. */
function apiServer(requests: string[]): Server {
  const spaces = new Set<string>();
  return createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    const name = /^\/api\/v1\/namespaces\/([^/]+)$/.exec(path)?.[1];
    if (request.method !== "GET") requests.push(`${request.method} ${name ?? path}`);
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    const object = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
    if (path === "/api/v1")
      return answer(200, {
        kind: "APIResourceList",
        groupVersion: "v1",
        resources: [
          { name: "namespaces", singularName: "", namespaced: false, kind: "Namespace", verbs: [] },
        ],
      });
    if (name !== undefined && request.method === "PATCH") {
      spaces.add(name);
      return answer(200, object);
    }
    if (name !== undefined && request.method === "DELETE") {
      spaces.delete(name);
      return answer(200, { kind: "Status", status: "Success" });
    }
    if (path === "/api/v1/namespaces")
      return answer(200, {
        apiVersion: "v1",
        kind: "NamespaceList",
        metadata: { resourceVersion: "1" },
        items: [...spaces].map((n) => ({ metadata: { name: n, uid: n } })),
      });
    answer(404, { kind: "Status", apiVersion: "v1", status: "Failure", code: 404, reason: "NotFound" });
  });
}

let state: string;
let server: Server;
const requests: string[] = [];
const stateHome = process.env.XDG_STATE_HOME;

beforeAll(async () => {
  state = tempFolder("suites");
  process.env.XDG_STATE_HOME = state;
  server = apiServer(requests);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  await writeLab(state, (server.address() as AddressInfo).port);
});

afterAll(async () => {
  if (stateHome === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = stateHome;
  server.close();
  await rm(state, { recursive: true, force: true });
});

async function runAll(
  extra: Partial<RunContext>,
  named?: string,
): Promise<{ suites: SuiteRecord[]; dir: string }> {
  requests.length = 0;
  const contextFile = join(state, "run.json");
  const context = runContextSchema.parse({
    version: 1,
    runId: "20260101-000000-abc123",
    lab: "paper",
    clusters: ["east", "west"],
    reportsDir: join(state, "reports"),
    capabilities: [
      { capability: "loadBalancer", cluster: "west", state: "missing", reason: "nothing gives addresses" },
      { capability: "dualStack", cluster: "east", state: "missing", reason: "east has no IPv6 pod CIDR" },
      { capability: "dualStack", cluster: "west", state: "present" },
      { capability: "cilium>=1.30", cluster: "east", state: "missing", reason: "east has Cilium 1.19.4" },
      { capability: "cilium>=1.30", cluster: "west", state: "missing", reason: "west has Cilium 1.19.4" },
    ],
    ...extra,
  });
  await writeRunContext(contextFile, context);
  const all = await loadSuites(suitesDir);
  const suites = all.filter((s) => named === undefined || s.info.name === named);
  const dir = join(context.reportsDir, context.runId);
  const queue = new WriteQueue(() => {});
  const head = { runId: context.runId, startedAt: "2026-01-01T00:00:00Z", properties: {} };
  const reporter = new RecordReporter({
    suites,
    clusters: context.clusters,
    repeat: 1,
    outputs: [eventsOutput(dir, queue), junitOutput(dir, head, queue)],
  });
  await runSuites({
    files: suites.map((s) => s.file),
    suitesDir,
    contextFile,
    reporters: [reporter],
    signal: new AbortController().signal,
  });
  expect(reporter.runErrors).toEqual([]);
  return { suites: reporter.suites, dir };
}

test("each outcome, and a set-up that fails, reach records, JUnit and events", async () => {
  const { suites, dir } = await runAll({
    expected: { outcomes: { mustFail: [], mustPass: [], mayFail: ["may go either way*"] } },
  });
  expect(suites.map((s) => s.name)).toEqual(["outcomes", "broken-setup", "unequipped"]);
  const [outcomes, broken, unequipped] = suites as [SuiteRecord, SuiteRecord, SuiteRecord];
  expect(outcomes.errors).toEqual([]);
  expect(outcomes.goal).toBe("every outcome reaches the report.");
  const reported = (name: string): TestRecord | undefined => outcomes.tests.find((t) => t.name === name);
  expect(reported("east -> west > passes")).toMatchObject({
    outcome: "pass",
    reasons: [],
    notes: { facts: { third: 0.33 } },
    spec: "https://docs.cilium.io/",
  });
  expect(reported("fails")).toMatchObject({ outcome: "fail", reasons: ["east does not answer"] });
  expect(reported("is unknown by its verdict")).toMatchObject({
    outcome: "unknown",
    reasons: ["the prober stood still"],
  });
  expect(reported("is unknown by its error")?.outcome).toBe("unknown");
  expect(reported("is unknown by its error")?.reasons[0]).toContain("the prober ended");
  expect(reported("is unsupported before it runs")).toMatchObject({
    outcome: "unsupported",
    reasons: ["loadBalancer: nothing gives addresses"],
    notes: { unsupported: { capability: "loadBalancer", reason: "nothing gives addresses" } },
  });
  expect(reported("is unsupported by what it sees")).toMatchObject({
    outcome: "unsupported",
    reasons: ["a moon: there is none"],
  });
  expect(reported("may go either way under the fault")).toMatchObject({
    outcome: "skipped",
    reasons: ["left out because the fault may or may not break it"],
  });
  expect(broken.errors).toEqual(["nothing came up in mp-broken-setup-abc123"]);
  expect(broken.tests).toMatchObject([{ name: "never runs", outcome: "skipped" }]);
  expect(unequipped.errors).toEqual([]);
  expect(unequipped.tests.map((t) => [t.outcome, t.reasons[0]])).toEqual([
    ["unsupported", "dualStack: east has no IPv6 pod CIDR"],
    ["unsupported", "dualStack: east has no IPv6 pod CIDR"],
  ]);
  // Created and removed in both clusters; nothing is created for the suite that cannot run.
  const requested = ["PATCH mp-outcomes-abc123", "DELETE undone", "DELETE mp-outcomes-abc123"];
  expect(requests.filter((r) => /mp-outcomes|undone/.test(r))).toEqual(requested.flatMap((r) => [r, r]));
  expect(requests.filter((r) => r.includes("mp-broken-setup"))).toHaveLength(4);
  expect(requests.filter((r) => r.includes("mp-unequipped"))).toEqual([]);
  const junit = await readFile(join(dir, "junit.xml"), "utf8");
  expect(junit).toContain("nothing came up in mp-broken-setup-abc123");
  const events = (await readFile(join(dir, "events.jsonl"), "utf8")).trim().split("\n");
  expect(events.map((e) => JSON.parse(e).event).filter((e) => e === "suite-end")).toHaveLength(3);
  // There is evidence for every failure, also of a set-up.
  for (const suite of ["outcomes", "broken-setup"])
    await readFile(join(dir, "artifacts", suite, "diagnosis.json"), "utf8");
});

test("an undecided capability is an error of the set-up, and nothing is created", async () => {
  const { suites } = await runAll(
    {
      capabilities: [
        { capability: "loadBalancer", cluster: "west", state: "undecided", reason: "no answer from west" },
        { capability: "dualStack", cluster: "east", state: "missing", reason: "no IPv6" },
        { capability: "cilium>=1.30", cluster: "east", state: "missing", reason: "1.19.4" },
      ],
    },
    "outcomes",
  );
  expect(suites[0]?.errors).toEqual([
    "outcomes requires loadBalancer; whether west has it could not be read: no answer from west",
  ]);
  expect(requests.filter((r) => r.includes("mp-outcomes"))).toEqual([]);
});

test("a fault is injected after the set-up, and a failed injection is an error of the set-up", async () => {
  const { suites } = await runAll({ fault: "no-such-fault" }, "outcomes");
  expect(suites[0]?.errors.join()).toContain("no-such-fault");
  expect(requests).toContain("DELETE undone");
  expect(suites[0]?.tests.map((t) => t.outcome)).not.toContain("pass");
});

test("a context of other clusters is refused by name", async () => {
  const { suites } = await runAll({ clusters: ["east", "north"] }, "broken-setup");
  expect(suites[0]?.errors.join()).toContain("the run context says east, north");
});

/** External clusters that share one API server. */
async function writeLab(state: string, port: number): Promise<void> {
  const plan = await planLab({ lab: "paper" });
  const kubeconfig = join(state, "kubeconfig.json");
  const server = `http://127.0.0.1:${port}`;
  await writeFile(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: "fake", cluster: { server, "insecure-skip-tls-verify": true } }],
      users: [{ name: "fake", user: {} }],
      contexts: [{ name: "fake", context: { cluster: "fake", user: "fake" } }],
    }),
  );
  const clusters = plan.clusters.map(
    ({ kindConfig: _, values: __, manifests: ___, ...cluster }): PlannedExternalCluster => ({
      ...cluster,
      kind: "external",
      kubeconfig,
      context: "fake",
      networks: [],
      hasApiserver: true,
      hasKvstoreMesh: true,
      routesNatively: false,
      assignsLoadBalancerIPs: false,
    }),
  );
  await writeLabState(exampleLabState({ owner: currentOwner().id, plan: { ...plan, clusters } }));
}

test("selected tests run in the order of the selection", async () => {
  const titles = ["fails", "east -> west > passes"];
  for (const selected of [titles, titles.toReversed()]) {
    const { suites } = await runAll({ selected: { outcomes: selected } }, "outcomes");
    expect(suites[0]?.tests.map((t) => t.name)).toEqual(selected);
  }
});
