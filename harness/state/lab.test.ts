import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MeshproofError } from "#harness/lib/errors.ts";
import { pause, throwIfAborted } from "#harness/lib/eventually.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleLabState } from "#harness/model/examples.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { command } from "#harness/platform/command.ts";
import { thisProcess } from "#harness/platform/machine.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import { isHeldByThisProcess, isOwn, labDir, readLabState, requireLab, writeLabState } from "./lab.ts";
import { hasLostLock, withLab, workerOn } from "./lock.ts";

let dir = "";
beforeEach(() => {
  dir = tempFolder("state");
  process.env.XDG_STATE_HOME = dir;
});
afterEach(() => {
  delete process.env.XDG_STATE_HOME;
  rmSync(dir, { recursive: true, force: true });
});

const write = (lab: string, state: unknown): void => {
  mkdirSync(labDir(lab), { recursive: true });
  writeFileSync(join(labDir(lab), "state.json"), JSON.stringify(state));
};

describe("the state file of an earlier version", () => {
  const { version: _, owner: __, ...now } = exampleLabState({ lab: "seed" });
  const clusters = now.plan.clusters.map(({ kind: ___, ...c }) => c);
  const old = { ...now, plan: { ...now.plan, clusters } };
  const owner = { pid: 7, pidStart: "8" };
  test.each([
    ["with a version", { ...old, version: 1, owner }],
    ["without one", { ...old, owner }],
  ])("%s is a lab without an owner; the error says how to remove it", async (_how, state) => {
    write("seed", state);
    const migrated = await readLabState("seed");
    expect(migrated).toEqual({ ...now, version: 3, owner: "unlabelled", remover: owner });
    expect(isOwn(migrated as LabState)).toBe(false);
    await expect(requireLab("seed")).rejects.toMatchObject({
      code: "lab-foreign",
      exitCode: 2,
      remedy: expect.stringContaining("down --lab seed --owner unlabelled"),
    });
  });
  const external = (kvstoreMesh: boolean) => {
    const access = { kubeconfig: "/k", context: "c", networks: ["kind"], givesAddresses: true };
    const values = { clustermesh: { apiserver: { kvstoremesh: { enabled: kvstoreMesh } } } };
    return { ...now.plan, clusters: clusters.map((c) => ({ ...c, values, own: access })) };
  };
  test("of external clusters belongs to this owner, because they have no labels in Docker", async () => {
    write("own", { ...old, version: 1, plan: external(true) });
    expect((await readLabState("own"))?.owner).toBe(currentOwner().id);
  });
  test.each([true, false])("keeps external clusters external, KVStoreMesh %s", async (hasKvstoreMesh) => {
    write("own", { ...old, version: 2, owner: "bob-01234567", plan: external(hasKvstoreMesh) });
    const state = await readLabState("own");
    expect(state).toMatchObject({ version: 3, owner: "bob-01234567" });
    expect(state?.plan.clusters[0]).toEqual({
      kind: "external",
      ...{ name: "east", id: 1, podCidr: "10.1.0.0/16", serviceCidr: "10.101.0.0/16" },
      ...{ kubernetes: "1.34.4", cilium: "1.19.4" },
      ...{ kubeconfig: "/k", context: "c", networks: ["kind"], assignsLoadBalancerIPs: true },
      ...{ hasApiserver: true, hasKvstoreMesh, routesNatively: false },
    });
  });
  test("keeps kind clusters, so that a lab that is up still matches its plan", async () => {
    const more = { values: { routingMode: "native" }, manifests: [{ kind: "Pod" }] };
    const planned = clusters.map((c) => ({ ...c, ...more }));
    write("seed", { ...old, version: 2, owner: "x", plan: { ...now.plan, clusters: planned } });
    expect((await readLabState("seed"))?.plan).toEqual({
      ...now.plan,
      clusters: now.plan.clusters.map((c) => ({ ...c, ...more })),
    });
  });
  test.each([
    ["null", null, "lab-broken"],
    ["a list", [], "lab-broken"],
    ["a lab without an owner", { ...now, version: 3 }, "lab-broken"],
    ["an object of another kind", { version: 2 }, "config-conflict"],
    ["a later version", { ...now, version: 4, owner: "x" }, "config-conflict"],
    [
      "an external cluster without values",
      { ...old, version: 2, owner: "x", plan: { clusters: [{ own: {} }] } },
      "config-conflict",
    ],
    ["one without a plan", { ...old, version: 2, owner: "x", plan: {} }, "config-conflict"],
  ])("%s is refused; the message names the lab", async (_what, state, code) => {
    write("seed", state);
    await expect(readLabState("seed")).rejects.toMatchObject({
      code,
      message: expect.stringContaining("the state of lab seed"),
    });
  });
});

test("a lab of another user in the same state folder is refused", async () => {
  write("seed", exampleLabState({ lab: "seed", owner: "bob-01234567" }));
  await expect(requireLab("seed")).rejects.toMatchObject({
    code: "lab-foreign",
    remedy: expect.stringContaining("down --lab seed --owner bob-01234567"),
  });
});

describe("work on a lab", () => {
  const never = new AbortController().signal;

  test("holds the lab's lock, also for nested work, and releases it on failure", async () => {
    const folder = join(dir, "meshproof");
    await withLab("seed", never, () =>
      withLab("seed", never, async () => {
        expect((await workerOn(folder, "seed"))?.pid).toBe(process.pid);
        expect(await workerOn(folder, "other")).toBeUndefined();
      }),
    );
    await expect(withLab("seed", never, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await workerOn(folder, "seed")).toBeUndefined();
  });

  const meddle = (): void => rmSync(join(dir, "meshproof/locks"), { recursive: true });
  test.each([
    ["a pause", (signal: AbortSignal) => pause(60_000, signal)],
    ["a program", (signal: AbortSignal) => command("sleep", ["60"], { signal })],
    [
      "a call that throws its own error",
      async (signal: AbortSignal) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        throw new MeshproofError("kube-request", "the request was cut off");
      },
    ],
    [
      "a loop that ends without an error",
      (signal: AbortSignal) =>
        new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true })),
    ],
  ])("fails with lock-lost when the lock is lost: %s", async (_what, work) => {
    const working = withLab("seed", never, (outer) =>
      withLab("seed", outer, (signal) => {
        meddle();
        return work(signal);
      }),
    );
    await expect(working).rejects.toMatchObject({ code: "lock-lost" });
  });

  test("that lost its lock does not remove the lab", async () => {
    const state = exampleLabState({ lab: "lost", owner: currentOwner().id });
    const made = { ...state, remover: await thisProcess() };
    await writeLabState(made);
    expect(await isHeldByThisProcess(made)).toBe(true);
    await withLab("lost", never, async (signal) => {
      meddle();
      await pause(60_000, signal);
    }).catch(() => {});
    expect(hasLostLock("lost")).toBe(true);
    expect(await isHeldByThisProcess(made)).toBe(false);
    expect(existsSync(labDir("lost"))).toBe(true);
  });

  test("a signal with a typed reason gives that reason, an interruption stays an interruption", async () => {
    const lost = AbortSignal.abort(new MeshproofError("lock-lost", "gone"));
    expect(() => throwIfAborted(lost, "test")).toThrow(expect.objectContaining({ code: "lock-lost" }));
    await expect(pause(1000, lost)).rejects.toMatchObject({ code: "lock-lost" });
    await expect(command("sleep", ["60"], { signal: lost })).rejects.toMatchObject({ code: "lock-lost" });
    expect(() => throwIfAborted(AbortSignal.abort(new Error("SIGINT")), "test")).toThrow(
      expect.objectContaining({ code: "aborted" }),
    );
  });
});
