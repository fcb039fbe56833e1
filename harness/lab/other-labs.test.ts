import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Progress } from "#harness/lib/progress.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleJournal } from "#harness/model/certificate-examples.ts";
import { exampleLabState } from "#harness/model/examples.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { thisProcess } from "#harness/platform/machine.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import {
  claimLab,
  isHeldByThisProcess,
  labDir,
  listLabs,
  requireLab,
  writeLabState,
} from "#harness/state/lab.ts";
import { workOn } from "./open-lab.ts";
import { freeCapacity } from "./other-labs.ts";

const signal = new AbortController().signal;
const path = process.env.PATH;
let dir = "";
let reported: string[] = [];
const progress: Progress = {
  step: (title, work) => {
    reported.push(title);
    return work({ detail: () => {} });
  },
  note: (text) => void reported.push(text),
};

beforeEach(() => {
  reported = [];
  dir = tempFolder("labs");
  process.env.XDG_STATE_HOME = dir;
  // An empty Docker: these tests concern the labs' files.
  mkdirSync(join(dir, "bin"));
  writeFileSync(join(dir, "bin", "docker"), '#!/bin/sh\n[ "$1 $2" = "network inspect" ] && exit 1\nexit 0\n');
  chmodSync(join(dir, "bin", "docker"), 0o755);
  process.env.PATH = `${join(dir, "bin")}${delimiter}${path}`;
});
afterEach(() => {
  delete process.env.XDG_STATE_HOME;
  process.env.PATH = path;
  rmSync(dir, { recursive: true, force: true });
});

const gone = { pid: 2 ** 30, pidStart: "1" };

const lab = async (name: string, over: Partial<LabState> = {}): Promise<LabState> => {
  const state = exampleLabState({ lab: name, owner: currentOwner().id, ...over });
  await writeLabState(state);
  return state;
};

const certifies = (name: string): void =>
  writeFileSync(join(labDir(name), "certify.json"), JSON.stringify(exampleJournal()));

test("other labs are removed if their commands were killed before they could remove them", async () => {
  await lab("killed", { remover: gone });
  await lab("half", { remover: gone, phase: "creating" });
  await lab("killed-at-removal", { remover: gone, phase: "removing" });
  certifies("killed-at-removal");
  await lab("certifying", { remover: gone });
  certifies("certifying");
  await lab("at-work", { remover: await thisProcess() });
  await lab("kept");
  await lab("half-removed", { phase: "removing" });
  await lab("requested", { remover: gone });
  await freeCapacity("requested", progress, signal);
  expect((await listLabs()).sort()).toEqual(["at-work", "certifying", "kept", "requested"]);
  expect(reported.sort()).toEqual([
    "remove lab half, left by a killed command",
    "remove lab half-removed, left by a killed command",
    "remove lab killed, left by a killed command",
    "remove lab killed-at-removal, left by a killed command",
  ]);
});

test("a broken other lab is reported, and does not stop the command", async () => {
  mkdirSync(labDir("broken"), { recursive: true });
  writeFileSync(join(labDir("broken"), "state.json"), "{");
  await freeCapacity("requested", progress, signal);
  expect(reported.join()).toContain("the other lab broken is left unchanged");
});

test("a lab that a killed command was to remove is kept by a command that uses it, or removed by one that takes it over", async () => {
  await lab("killed", { remover: gone });
  expect((await requireLab("killed")).remover).toEqual(gone);
  expect((await workOn("killed")).remover).toBeUndefined();
  await freeCapacity("requested", progress, signal);
  expect(await listLabs()).toEqual(["killed"]);
  const claimed = await claimLab(await lab("other", { remover: gone }), false);
  expect(await isHeldByThisProcess(claimed)).toBe(true);
  expect((await workOn("other")).remover).toEqual(await thisProcess());
  expect(await isHeldByThisProcess(await claimLab(await lab("kept"), false))).toBe(false);
});
