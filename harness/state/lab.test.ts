import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MeshproofError } from "#harness/lib/errors.ts";
import { pause, throwIfAborted } from "#harness/lib/eventually.ts";
import { command } from "#harness/platform/command.ts";
import { thisProcess } from "#harness/platform/machine.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import { isMine, isOwn, type LabState, labDir, readLabState, requireLab, writeLabState } from "./lab.ts";
import { hasLostLock, withLab, workerOn } from "./lock.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "meshproof-state-"));
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
const inner = { lab: "seed", phase: "up", runId: "r", createdAt: "t", artifacts: {} };
const kindPlan = { lab: "seed", clusters: [{ name: "east" }] };

describe("the state file of an earlier version", () => {
  const owner = { pid: 7, pidStart: "8" };
  test.each([
    ["with a version", { version: 1, ...inner, plan: kindPlan, owner }],
    ["without one", { ...inner, plan: kindPlan, owner }],
  ])("%s is a lab that is nobody's own, and says how to remove it", async (_how, state) => {
    write("seed", state);
    const migrated = await readLabState("seed");
    expect(migrated).toMatchObject({ version: 3, owner: "unlabelled", remover: owner });
    expect(isOwn(migrated as LabState)).toBe(false);
    await expect(requireLab("seed")).rejects.toMatchObject({
      code: "lab-foreign",
      exitCode: 2,
      cure: expect.stringContaining("down --lab seed --owner unlabelled"),
    });
  });
  const common = {
    name: "east",
    id: 1,
    podCidr: "10.1.0.0/16",
    serviceCidr: "10.101.0.0/16",
    kubernetes: "1.34.4",
    cilium: "1.19.4",
  };
  const kindConfig = { networking: {}, nodes: [{ role: "worker" }] };
  const externalPlan = (kvstoreMesh: boolean) => ({
    clusters: [
      {
        ...common,
        kindConfig,
        values: { clustermesh: { apiserver: { kvstoremesh: { enabled: kvstoreMesh } } } },
        own: { kubeconfig: "/k", context: "c", networks: ["kind"], givesAddresses: true },
      },
    ],
  });
  test("of external clusters is this state folder's: nothing in Docker carries a label for them", async () => {
    write("own", { version: 1, ...inner, plan: externalPlan(true) });
    expect((await readLabState("own"))?.owner).toBe(currentOwner().id);
  });
  test.each([true, false])("has its external clusters as such, KVStoreMesh %s", async (hasKvstoreMesh) => {
    write("own", { version: 2, ...inner, owner: "bob-01234567", plan: externalPlan(hasKvstoreMesh) });
    expect(await readLabState("own")).toEqual({
      version: 3,
      ...inner,
      owner: "bob-01234567",
      plan: {
        clusters: [
          {
            kind: "external",
            ...common,
            kubeconfig: "/k",
            context: "c",
            networks: ["kind"],
            assignsLoadBalancerIPs: true,
            hasApiserver: true,
            hasKvstoreMesh,
            routesNatively: false,
          },
        ],
      },
    });
  });
  test("has its kind clusters as such, so that a lab that is up is still the one that was asked for", async () => {
    const planned = {
      ...common,
      kindConfig,
      values: { routingMode: "native" },
      manifests: [{ kind: "Pod" }],
    };
    write("seed", {
      version: 2,
      ...inner,
      owner: "bob-01234567",
      plan: { lab: "seed", clusters: [planned] },
    });
    expect((await readLabState("seed"))?.plan).toEqual({
      lab: "seed",
      clusters: [{ kind: "kind", ...planned }],
    });
  });
  test("a file of this version is taken as it is", async () => {
    const state = { version: 3, ...inner, owner: "x", plan: { clusters: [{ kind: "kind", ...common }] } };
    write("seed", state);
    expect(await readLabState("seed")).toEqual(state);
  });
  test.each([
    ["null", null],
    ["a list", []],
    ["an object of another kind", { version: 2 }],
    ["a later version", { ...inner, version: 4, plan: kindPlan }],
    ["an external cluster without values", { ...inner, version: 2, plan: { clusters: [{ own: {} }] } }],
    ["one without a plan", { ...inner, version: 2, plan: {} }],
  ])("%s is refused by name", async (_what, state) => {
    write("seed", state);
    await expect(readLabState("seed")).rejects.toMatchObject({
      code: "lab-broken",
      message: expect.stringContaining("the state file of lab seed"),
    });
  });
});

test("a lab of another user in the same state folder is theirs", async () => {
  write("seed", { version: 2, ...inner, owner: "bob-01234567", plan: kindPlan });
  await expect(requireLab("seed")).rejects.toMatchObject({
    code: "lab-foreign",
    cure: expect.stringContaining("down --lab seed --owner bob-01234567"),
  });
});

describe("work on a lab", () => {
  const never = new AbortController().signal;

  test("holds the lab's lock, nested work too, and frees it when it fails", async () => {
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
      "a call that complains in its own way",
      async (signal: AbortSignal) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        throw new MeshproofError("kube-request", "the request was cut off");
      },
    ],
    [
      "a loop that ends well",
      (signal: AbortSignal) =>
        new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true })),
    ],
  ])("ends with lock-lost when the lock is lost: %s", async (_what, work) => {
    const working = withLab("seed", never, (outer) =>
      withLab("seed", outer, (signal) => {
        meddle();
        return work(signal);
      }),
    );
    await expect(working).rejects.toMatchObject({ code: "lock-lost" });
  });

  test("that lost its lock leaves the lab to whoever has it now", async () => {
    const plan = kindPlan as unknown as LabState["plan"];
    const state = {
      version: 2,
      ...inner,
      lab: "lost",
      owner: currentOwner().id,
      plan,
    } as unknown as LabState;
    const made = { ...state, remover: await thisProcess() };
    await writeLabState(made);
    expect(await isMine(made)).toBe(true);
    await withLab("lost", never, async (signal) => {
      meddle();
      await pause(60_000, signal);
    }).catch(() => {});
    expect(hasLostLock("lost")).toBe(true);
    expect(await isMine(made)).toBe(false);
    expect(existsSync(labDir("lost"))).toBe(true);
  });

  test("a signal that fired for a typed reason gives that reason, an interruption stays one", async () => {
    const lost = AbortSignal.abort(new MeshproofError("lock-lost", "gone"));
    expect(() => throwIfAborted(lost, "test")).toThrow(expect.objectContaining({ code: "lock-lost" }));
    await expect(pause(1000, lost)).rejects.toMatchObject({ code: "lock-lost" });
    await expect(command("sleep", ["60"], { signal: lost })).rejects.toMatchObject({ code: "lock-lost" });
    expect(() => throwIfAborted(AbortSignal.abort(new Error("SIGINT")), "test")).toThrow(
      expect.objectContaining({ code: "aborted" }),
    );
  });
});
