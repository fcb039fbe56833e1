import { rmSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { processStart } from "#harness/platform/machine.ts";
import { readFaultJournal, writeFaultJournal } from "#harness/state/fault-journal.ts";
import type { Fault, Injected, SuiteFault } from "./fault.ts";
import { healJournal, injectFault } from "./inject.ts";

/** A cluster that records the requests to it. */
let requested: string[] = [];
const kube = {
  get: async () => ({}),
  merge: async (_kind: unknown, _namespace: unknown, name: string, patch: unknown) => {
    requested.push(`merge ${name} ${JSON.stringify(patch)}`);
  },
};
const mesh = { state: { lab: "paper" }, clusters: [], cluster: () => ({ kube }) } as unknown as Mesh;
const signal = new AbortController().signal;

const fault = (over: Partial<Injected>, act = async () => {}): Fault => ({
  name: "test-fault",
  group: "state",
  does: "",
  async inject({ recordUndo }) {
    for (const name of ["first", "second"])
      await recordUndo({
        do: "merge",
        cluster: "east",
        kind: "service",
        namespace: "x",
        name,
        patch: { back: true },
      });
    await act();
    return { subject: "service x", names: ["x"], ...over };
  },
});

let state = "";
beforeEach(() => {
  requested = [];
  state = tempFolder("fault");
  process.env.XDG_STATE_HOME = state;
});
afterEach(() => {
  delete process.env.XDG_STATE_HOME;
  rmSync(state, { recursive: true, force: true });
});

test("the journal contains the fault before it is injected, and no longer once it is healed", async () => {
  let whileInjected = 0;
  const injected = await injectFault(
    fault({}, async () => {
      whileInjected = (await readFaultJournal("paper"))[0]?.undo.length ?? 0;
    }),
    { mesh, signal },
  );
  expect(whileInjected).toBe(2);
  await injected.heal();
  await injected.heal();
  expect(requested).toEqual(['merge second {"back":true}', 'merge first {"back":true}']);
  expect(await readFaultJournal("paper")).toEqual([]);
});

test("a fault without an effect is healed immediately and is an error", async () => {
  const nothing = () => Promise.reject(new MeshproofError("fault-no-effect", "nothing happened"));
  await expect(injectFault(fault({ tookHold: nothing }), { mesh, signal })).rejects.toMatchObject({
    code: "fault-no-effect",
  });
  expect(requested).toHaveLength(2);
  expect(await readFaultJournal("paper")).toEqual([]);
});

test("a fault that no packet matched is healed before it throws", async () => {
  const unmet = () => Promise.reject(new MeshproofError("fault-no-effect", "no packet"));
  const injected = await injectFault(fault({ beforeHeal: unmet }), { mesh, signal });
  await expect(injected.heal()).rejects.toMatchObject({ code: "fault-no-effect" });
  expect(requested).toHaveLength(2);
  expect(await readFaultJournal("paper")).toEqual([]);
});

test("the next command heals the faults of a killed one, and not those of a running one", async () => {
  const step = {
    do: "merge",
    cluster: "east",
    kind: "service",
    namespace: "x",
    name: "left",
    patch: {},
  } as const;
  const entry = { version: 1 as const, fault: "f", injectedAt: "2026-01-01T00:00:00Z", undo: [step] };
  // No process has a pid that high.
  await writeFaultJournal("paper", { ...entry, id: "f-dead", pid: 2 ** 30, pidStart: "1" });
  // The pid is reused by another process.
  await writeFaultJournal("paper", { ...entry, id: "f-reused", pid: process.ppid, pidStart: "1" });
  await writeFaultJournal("paper", {
    ...entry,
    id: "f-living",
    pid: process.ppid,
    pidStart: found(await processStart(process.ppid), "start of the parent process"),
  });
  expect(await healJournal(mesh)).toEqual(["f", "f"]);
  expect((await readFaultJournal("paper")).map((e) => e.id)).toEqual(["f-living"]);
});

test("a fault of a suite's own objects needs a namespace", async () => {
  await expect(injectFault({ ...fault({}), needsNamespace: true }, { mesh, signal })).rejects.toMatchObject({
    code: "usage",
  });
});

test("a fault of a suite's own objects receives the suite's namespace", async () => {
  let given = "";
  const own: SuiteFault = {
    name: "own",
    group: "workload",
    does: "",
    needsNamespace: true,
    async inject({ namespace }) {
      given = namespace;
      return { subject: "service x", names: ["x"] };
    },
  };
  await using _ = await injectFault(own, { mesh, namespace: "suite-a", signal });
  expect(given).toBe("suite-a");
});
