import { describe, expect, test } from "vitest";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import { pause } from "#harness/lib/eventually.ts";
import type { JournalEntry } from "#harness/model/undo.ts";
import { faultNamed } from "../index.ts";
import { inBackground } from "./background.ts";
import { everyBackend, isFaultIn, noBackend } from "./echo-watch.ts";
import { clientsIn, requireExact, thresholdFaults } from "./threshold.ts";

const set = (wanted: number, is?: number): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "echo" },
  spec: { replicas: wanted },
  status: is === undefined ? {} : { readyReplicas: is },
});

describe("the moment at which a block begins", () => {
  test.each([
    ["scaled to zero, pods not yet unready", set(0, 2), false, false],
    ["all gone", set(0), true, false],
    ["one of two back", set(2, 1), false, false],
    ["both back", set(2, 2), false, true],
  ] as const)("%s", (_, deployment, none, all) => {
    expect([noBackend([deployment]).done, everyBackend([deployment]).done]).toEqual([none, all]);
    // Another deployment that is not there yet.
    expect([noBackend([deployment, set(2)]).done, everyBackend([deployment, set(2)]).done]).toEqual([
      false,
      false,
    ]);
  });

  test("without a deployment there is none", () => {
    expect([noBackend([]).done, everyBackend([]).done]).toEqual([false, false]);
  });

  test("a fault of the journal is that of this cluster", () => {
    const entry = (fault: string, cluster: string): JournalEntry => ({
      ...{ version: 1, id: "f-1", fault, injectedAt: "2026-01-01T00:00:00Z", pid: 1, pidStart: "1" },
      undo: [{ do: "replace-pods", cluster, namespace: "x", selector: "role=echo" }],
    });
    expect(isFaultIn(entry("backends-killed", "east"), "backends-killed", "east")).toBe(true);
    expect(isFaultIn(entry("backends-killed", "west"), "backends-killed", "east")).toBe(false);
    expect(isFaultIn(entry("readiness-lost", "east"), "backends-killed", "east")).toBe(false);
  });
});

test("a block that did not happen, or lasted another time, proves nothing", () => {
  expect(() => requireExact([], 2400, 2000)).toThrow("nothing was blocked");
  expect(() => requireExact([2401, 2700], 2400, 2000)).toThrow("lasted 2700 ms");
  expect(() => requireExact([2401, 2390], 2400, 2000)).not.toThrow();
});

test("clients are not looked for any more once the injection is interrupted", async () => {
  const cluster = { kube: { cluster: "east", list: () => Promise.resolve([]) } } as unknown as Cluster;
  const within = (signal: AbortSignal) => clientsIn(cluster, { mark: "meshproof:x", signal });
  expect(await within(new AbortController().signal)).toEqual([]);
  await expect(within(AbortSignal.abort(new Error("interrupted")))).rejects.toThrow("interrupted");
});

test("what runs beside the tests ends when it is stopped; an earlier end is an error", async () => {
  const forever = inBackground("the watch", (signal) => pause(60_000, signal));
  await expect(forever.stop()).resolves.toBeUndefined();
  const broken = inBackground("the watch", () => Promise.reject(new Error("no connection")));
  await new Promise(setImmediate);
  await expect(broken.stop()).rejects.toMatchObject({
    code: "fault-no-effect",
    message: "the watch ended early: no connection",
  });
});

test("blocks are 1.2 and 0.8 times their budget", () => {
  expect(thresholdFaults.map((f) => f.name)).toHaveLength(8);
  expect(faultNamed("failover-beyond-budget").does).toContain("1.2 times failoverMs");
  expect(faultNamed("restart-within-budget").does).toContain("0.8 times restartMs");
});
