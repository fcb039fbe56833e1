import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { builderOf, buildName } from "./build-containers.ts";
import { thisProcess } from "./machine.ts";
import { currentOwner, labFilters, labLabels, ownerOf, shortOf } from "./owner.ts";

let dir = "";
beforeEach(() => {
  dir = tempFolder("owner");
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const alice = { uid: 1000, name: "alice" };

test("an owner is a user and a state folder", () => {
  const owner = ownerOf(alice, join(dir, "one"));
  expect(owner.id).toMatch(/^alice-[0-9a-f]{8}$/);
  expect(owner.id).toContain(owner.short);
  expect(shortOf(owner.id)).toBe(owner.short);
  expect(ownerOf(alice, join(dir, "one")).id).toBe(owner.id);
  expect(ownerOf(alice, join(dir, "two")).id).not.toBe(owner.id);
  expect(ownerOf({ uid: 1001, name: "alice" }, join(dir, "one")).id).not.toBe(owner.id);
});

test("a folder gives the same owner before and after its creation, and by another path", () => {
  const before = ownerOf(alice, join(dir, "one/meshproof"));
  mkdirSync(join(dir, "one/meshproof"), { recursive: true });
  expect(ownerOf(alice, join(dir, "one/meshproof"))).toEqual(before);
  symlinkSync(join(dir, "one"), join(dir, "link"));
  expect(ownerOf(alice, join(dir, "link/meshproof"))).toEqual(before);
  expect(ownerOf(alice, join(dir, "link/meshproof")).stateFolder).toMatch(/one\/meshproof$/);
});

test.each([
  ["CORP\\Jean Luc.Picard", "corp-jean-luc-picard"],
  ["a".repeat(40), "a".repeat(20)],
  ["界", "user"],
  ["--x--", "x"],
])("a user's name %s becomes printable", (name, printed) => {
  const { id } = ownerOf({ uid: 7, name }, dir);
  expect(id.slice(0, -9)).toBe(printed);
  expect(shortOf(id)).toBeDefined();
});

test("objects of a lab have labels for lab, owner and state folder, and are found by lab and owner", () => {
  const owner = ownerOf(alice, dir);
  expect(Object.values(labLabels("seed", owner))).toEqual(["seed", owner.id, owner.stateFolder]);
  expect(labFilters("seed", owner)).toEqual(["io.meshproof.lab=seed", `io.meshproof.owner=${owner.id}`]);
});

test("a build container names its owner and its process; one of another owner or an earlier version is ignored", async () => {
  const { pid, pidStart } = await thisProcess();
  const name = await buildName();
  expect(builderOf(name, currentOwner())).toEqual({ pid, pidStart });
  expect(builderOf(name, ownerOf(alice, dir))).toBeUndefined();
  expect(builderOf("meshproof-build-0123456789ab", currentOwner())).toBeUndefined();
});
