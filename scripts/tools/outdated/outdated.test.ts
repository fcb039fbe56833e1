import { expect, test } from "vitest";
import { pins } from "#harness/config/pins.ts";
import { debianLines, newer, newestPatch, newestServed, pinsToCheck } from "./outdated.ts";

test("newer are released versions in the pin's range, the newest first", () => {
  const listed = ["v1.19.3", "v1.19.5", "v1.19.10", "v1.20.0", "v1.19.11-rc.0", "nonsense"];
  expect(newer({ name: "c", module: "m", version: "v1.19.4", within: "~1.19.4" }, listed)).toEqual([
    "v1.19.10",
    "v1.19.5",
  ]);
  expect(newer({ name: "c", module: "m", version: "v1.19.4" }, listed)[0]).toBe("v1.20.0");
});

test("a version that is refused is passed over", async () => {
  const refused = async (v: string) => v !== "v3";
  expect(await newestServed(["v3", "v2", "v1"], refused)).toBe("v2");
  expect(await newestServed(["v3"], refused)).toBeUndefined();
});

test("every pin is checked, each minor within its patches", () => {
  const checked = pinsToCheck("v3.6.5");
  // The CLI's module is one that holds its sources, which no release does.
  const { minors, cilium: _, ciliumCli: __, ...tools } = pins;
  for (const version of Object.values(tools)) expect(checked.map((p) => p.version)).toContain(version);
  for (const minor of Object.keys(minors))
    expect(checked.find((p) => p.name === `cilium ${minor}`)?.within).toMatch(new RegExp(`^~${minor}\\.`));
});

test("a served patch is found although the proxy does not list it, and past a refused one", async () => {
  const served = ["v1.34.5", "v1.34.7", "v1.34.9"];
  const asked: string[] = [];
  const isServed = async (v: string) => {
    asked.push(v);
    return served.includes(v);
  };
  expect(await newestPatch("v1.34.4", isServed)).toBe("v1.34.9");
  expect(asked.at(-1)).toBe("v1.34.12");
  expect(await newestPatch("v1.34.9", isServed)).toBeUndefined();
});

test("the chosen packages of a Debian root are listed with the version that was built", () => {
  const installed = [
    { name: "libc6", version: "2.36", sha256: "x" },
    { name: "runc", version: "1.1.5", sha256: "x" },
  ];
  expect(debianLines("node", ["runc"], installed)).toEqual([
    "runc                     1.1.5 in root node, from Debian bookworm: follows the mirror",
  ]);
});
