import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { kindNameIn, labPrefix } from "#harness/config/lab-name.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleLabState } from "#harness/model/examples.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import { currentOwner, labLabels, type Owner, ownerOf } from "#harness/platform/owner.ts";
import { labDir } from "#harness/state/lab.ts";
import { withLab } from "#harness/state/lock.ts";
import { labOfOwnerLines, labsOfAllOwners } from "./all-labs.ts";
import { downAll, downForeign, downLab } from "./down.ts";
import { freeCapacity } from "./other-labs.ts";
import { up } from "./up.ts";

const signal = new AbortController().signal;
const stateHome = process.env.XDG_STATE_HOME;
let dir = "";
let notes: string[] = [];
let self: Owner;
let bob: Owner;
const progress: Progress = {
  step: (_title, work) => work({ detail: () => {} }),
  note: (text) => void notes.push(text),
};

interface Holding {
  containers: { id: string; name: string; network: string; labels: Record<string, string> }[];
  networks: { id: string; name: string; labels: Record<string, string> }[];
}
let all: Holding = { containers: [], networks: [] };

/** A fake Docker that holds `all`, and removes objects on request. */
function docker(argv: readonly string[]): { exitCode: number; stdout: string; stderr: string } {
  const isNetwork = argv[0] === "network";
  const verb = isNetwork ? argv[1] : argv[0];
  const objects = isNetwork ? all.networks : all.containers;
  const isNamed = (o: { id: string; name: string }): boolean => argv.includes(o.id) || argv.includes(o.name);
  const found = objects.filter(isNamed);
  const says = (lines: readonly string[]) => ({ exitCode: 0, stdout: lines.join("\n"), stderr: "" });
  if (verb === "info") return says([JSON.stringify({ ServerVersion: "1" })]);
  if (verb === "ls" || (verb === "ps" && argv.includes("-aq"))) return says(objects.map((o) => o.id));
  if (verb === "ps") return says(all.containers.map((o) => `${o.id} ${o.name}`));
  if (verb === "inspect" && found.length === 0) return { ...says([]), exitCode: 1 };
  if (verb === "inspect" && !argv.includes("--format")) return says(["[{}]"]);
  if (verb === "inspect" && isNetwork)
    return says(found.map((o) => JSON.stringify([o.id, o.name, o.labels])));
  if (verb === "inspect")
    return says(
      all.containers
        .filter(isNamed)
        .map((o) => JSON.stringify([o.id, `/${o.name}`, "running", o.network, o.labels])),
    );
  if (verb === "rm") {
    all = {
      containers: isNetwork ? all.containers : all.containers.filter((o) => !isNamed(o)),
      networks: isNetwork ? all.networks.filter((o) => !isNamed(o)) : all.networks,
    };
  }
  return says([]);
}
vi.mock("#harness/platform/command.ts", async (original) => ({
  ...(await original<object>()),
  command: async (_program: string, argv: readonly string[]) => docker(argv),
  output: async (_program: string, argv: readonly string[]) => docker(argv).stdout,
}));

const names = (): string[] => [...all.containers, ...all.networks].map((o) => o.name).sort();
const namesOf = (cluster: string, network: string): string[] => [`${cluster}-control-plane`, network].sort();

/** A lab in Docker: one cluster, one network. */
function place(cluster: string, network: string, labels: Record<string, string>): void {
  const node = `${cluster}-control-plane`;
  all.containers.push({ id: `c-${node}`, name: node, network, labels: { "io.x-k8s.kind.cluster": cluster } });
  all.networks.push({ id: `n-${network}`, name: network, labels });
}
const placeFor = (owner: Owner, lab: string): string[] => {
  const [cluster, network] = [kindNameIn(owner.short, lab, "east"), labPrefix(owner.short, lab)];
  place(cluster, network, labLabels(lab, owner));
  return namesOf(cluster, network);
};
const placeEarlier = (lab: string): string[] => {
  place(`meshproof-${lab}--east`, `meshproof-${lab}`, { "io.meshproof.lab": lab });
  return namesOf(`meshproof-${lab}--east`, `meshproof-${lab}`);
};

/** As version 1 wrote it: without an owner, or with the removing process under that key. */
const writeState = (lab: string, state: object): void => {
  const { owner: _, ...now } = exampleLabState({ lab });
  mkdirSync(labDir(lab), { recursive: true });
  writeFileSync(join(labDir(lab), "state.json"), JSON.stringify({ ...now, ...state }));
};

beforeEach(() => {
  notes = [];
  dir = tempFolder("owners");
  all = { containers: [], networks: [] };
  process.env.XDG_STATE_HOME = join(dir, "alice");
  self = currentOwner();
  bob = ownerOf({ uid: 1234, name: "bob" }, join(dir, "bob/meshproof"));
});
afterEach(() => {
  if (stateHome === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = stateHome;
  rmSync(dir, { recursive: true, force: true });
});

describe("two owners with a lab of one name", () => {
  test("down removes only the current owner's lab", async () => {
    placeFor(self, "unit-seed");
    const theirs = placeFor(bob, "unit-seed");
    await downLab("unit-seed", progress, signal);
    expect(names()).toEqual(theirs);
  });

  test("down --all leaves labs of other owners and of earlier versions, and names them", async () => {
    placeFor(self, "unit-seed");
    placeFor(self, "other");
    const left = [...placeFor(bob, "unit-seed"), ...placeEarlier("unit-seed")].sort();
    await downAll(progress, signal);
    expect(names()).toEqual(left);
    expect(notes.join()).toContain(`lab unit-seed of ${bob.id}, lab unit-seed of unlabelled`);
  });

  test("down --owner removes the named lab", async () => {
    const kept = [...placeFor(self, "unit-seed"), ...placeEarlier("unit-seed")].sort();
    placeFor(bob, "unit-seed");
    await downForeign({ lab: "unit-seed", owner: bob.id }, progress, signal);
    expect(names()).toEqual(kept);
  });

  test("down --owner refuses a missing lab, an impossible owner, and a lab in use", async () => {
    placeFor(bob, "unit-seed");
    await expect(downForeign({ lab: "x", owner: bob.id }, progress, signal)).rejects.toMatchObject({
      code: "lab-missing",
    });
    await expect(
      downForeign({ lab: "unit-seed", owner: "everybody" }, progress, signal),
    ).rejects.toMatchObject({
      code: "usage",
    });
    process.env.XDG_STATE_HOME = join(dir, "bob");
    await withLab("unit-seed", signal, async () => {
      process.env.XDG_STATE_HOME = join(dir, "alice");
      await expect(downForeign({ lab: "unit-seed", owner: bob.id }, progress, signal)).rejects.toMatchObject({
        code: "lab-busy",
      });
    });
    expect(names()).toHaveLength(2);
  });

  test("status --all-owners lists them all", async () => {
    placeFor(self, "unit-seed");
    placeFor(bob, "unit-seed");
    placeEarlier("unit-seed");
    // Processes of this machine may carry marks of other labs.
    const labs = (await labsOfAllOwners()).filter((l) => l.networks.length > 0);
    expect(labs).toMatchObject([
      { lab: "unit-seed", owner: self.id, own: true, stateFolder: self.stateFolder, runningNodes: 1 },
      { lab: "unit-seed", owner: bob.id, own: false, stateFolder: bob.stateFolder, nodes: 1 },
      { lab: "unit-seed", owner: "unlabelled", own: false, networks: ["meshproof-unit-seed"] },
    ]);
    expect(labOfOwnerLines(labs)[1]).toContain(`down --lab unit-seed --owner ${bob.id}`);
  });

  test("other running labs are named, and left alone", async () => {
    const theirs = placeFor(bob, "unit-seed");
    await freeCapacity("unit-seed", progress, signal);
    expect(notes.join()).toContain(`lab unit-seed of ${bob.id} runs on this machine too, 1 nodes`);
    expect(names()).toEqual(theirs);
  });
});

describe("a lab whose state cannot be used", () => {
  const states: [string, () => void][] = [
    ["is no JSON", () => writeFileSync(join(labDir("unit-seed"), "state.json"), "{")],
    ["is malformed", () => writeState("unit-seed", { version: 3, phase: "nosuch" })],
    ["is of an older version and cannot be migrated", () => writeState("unit-seed", { version: 1, plan: 7 })],
    ["is of a newer version", () => writeState("unit-seed", { version: 99 })],
    ["is no file", () => mkdirSync(join(labDir("unit-seed"), "state.json"))],
  ];
  test.each(states)("is removed by its labels where it %s, and that is said", async (_, write) => {
    mkdirSync(labDir("unit-seed"), { recursive: true });
    write();
    placeFor(self, "unit-seed");
    const left = [...placeFor(bob, "unit-seed"), ...placeFor(self, "other"), ...placeEarlier("unit-seed")];
    const removed = await downLab("unit-seed", progress, signal);
    expect(removed.join()).toContain(`${kindNameIn(self.short, "unit-seed", "east")}-control-plane`);
    expect(names()).toEqual(left.sort());
    expect(existsSync(labDir("unit-seed"))).toBe(false);
    expect(notes.join("\n")).toMatch(/the state of lab unit-seed .*: what Docker's labels say/);
    expect(notes.join("\n")).toContain("meshproof-unit-seed--east-control-plane, meshproof-unit-seed;");
    expect(notes.join("\n")).toContain("down --lab unit-seed --owner unlabelled");
  });

  test("a lab that never was says nothing of a state", async () => {
    await downLab("unit-seed", progress, signal);
    expect(notes).toEqual([]);
  });
});

describe("a lab of an earlier version in one's own state folder", () => {
  beforeEach(() => writeState("unit-seed", { version: 1 }));

  test("is left alone by down, down --all and freeCapacity, although its process is gone", async () => {
    const left = placeEarlier("unit-seed");
    writeState("unit-seed", { version: 1, owner: { pid: 2 ** 30, pidStart: "1" } });
    await expect(downLab("unit-seed", progress, signal)).rejects.toMatchObject({
      code: "lab-foreign",
      remedy: expect.stringContaining("--owner unlabelled"),
    });
    await downAll(progress, signal);
    await freeCapacity("other", progress, signal);
    expect(names()).toEqual(left);
    expect(existsSync(labDir("unit-seed"))).toBe(true);
    expect(notes.join()).toContain("lab unit-seed of unlabelled");
  });

  test("is removed with its state if it is named, even if Docker has no objects of it", async () => {
    const kept = placeFor(self, "unit-seed");
    placeEarlier("unit-seed");
    await downForeign({ lab: "unit-seed", owner: "unlabelled" }, progress, signal);
    expect(names()).toEqual(kept);
    expect(existsSync(labDir("unit-seed"))).toBe(false);
    writeState("unit-seed", { version: 1 });
    await downForeign({ lab: "unit-seed", owner: "unlabelled" }, progress, signal);
    expect(existsSync(labDir("unit-seed"))).toBe(false);
  });
});

describe("up", () => {
  const plan = {
    lab: "unit-seed",
    networks: "shared",
    clusters: [{ kind: "kind", name: "east", kindConfig: { networking: {}, nodes: [{}] } }],
  } as unknown as KindLabPlan;
  const bringUp = () =>
    up({ plan, runId: "r", images: { source: "archive", archive: join(dir, "no") }, progress, signal });

  test("refuses names in use by others, and changes nothing", async () => {
    place(
      kindNameIn(self.short, "unit-seed", "east"),
      labPrefix(self.short, "unit-seed"),
      labLabels("unit-seed", bob),
    );
    const before = names();
    await expect(bringUp()).rejects.toMatchObject({
      code: "lab-foreign",
      exitCode: 2,
      message: expect.stringContaining(`network ${labPrefix(self.short, "unit-seed")}`),
    });
    expect(names()).toEqual(before);
    expect(existsSync(labDir("unit-seed"))).toBe(false);
  });

  test("refuses a name under which the state folder has a lab of an earlier version", async () => {
    writeState("unit-seed", { version: 1 });
    const before = placeEarlier("unit-seed");
    await expect(bringUp()).rejects.toMatchObject({ code: "lab-foreign" });
    expect(names()).toEqual(before);
  });

  test("ignores a lab of the same name of another owner", async () => {
    const theirs = placeFor(bob, "unit-seed");
    await expect(bringUp()).rejects.not.toMatchObject({ code: "lab-foreign" });
    expect(names()).toEqual(theirs);
  });
});
