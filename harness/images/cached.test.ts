import { existsSync } from "node:fs";
import { mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { lockFolder } from "#harness/platform/lock.ts";
import { isRemovable, judgeImages, listEntries, removeEntry } from "./cached.ts";
import { type PinnedVersions, partsOf, pinnedVersions } from "./pinned.ts";
import { Store } from "./store.ts";

const hour = 3_600_000;
const now = 1_700_000_000_000;
const [oldKey, newKey] = ["0123456789abcdef", "fedcba9876543210"];
const pinned: PinnedVersions = {
  cilium: ["v1.20.2"],
  "cilium-operator": ["v1.20.2"],
  kubernetes: ["v1.36.4"],
  kind: ["v0.33.0"],
};
const rules = { pinned, roots: [`node-bookworm-${newKey}`] };
const none = { labs: [], containers: [], foreign: [], nowMs: now };

/** Entries of a cache, last used some hours ago. */
async function cacheOf(entries: Readonly<Record<string, number>>): Promise<string> {
  const root = tempFolder("cache");
  for (const [name, hours] of Object.entries(entries)) {
    await mkdir(join(root, name, "bin"), { recursive: true });
    await writeFile(join(root, name, "bin/program"), Buffer.alloc(64 * 1024));
    const at = new Date(now - hours * hour);
    await utimes(join(root, name), at, at);
  }
  return root;
}
const removable = async (root: string, uses: object = {}): Promise<string[]> =>
  (await listEntries(root, { ...none, ...uses }, rules)).filter(isRemovable).map((e) => e.name);

test("what the pins name stays, of several builds of one version the newest", async () => {
  const root = await cacheOf({
    [`go/cilium-v1.20.2-${newKey}`]: 5,
    [`go/cilium-v1.20.2-${oldKey}`]: 50,
    [`go/cilium-operator-v1.20.2-${newKey}`]: 5,
    [`go/cilium-v1.19.4-${newKey}`]: 5,
    [`go/etcd-v3.5.1-${newKey}`]: 500,
    [`debian/node-bookworm-${newKey}`]: 500,
    [`debian/node-bookworm-${oldKey}`]: 5,
    [`archive/${newKey}`]: 5,
  });
  expect((await removable(root)).sort()).toEqual([
    `archive/${newKey}`,
    `debian/node-bookworm-${oldKey}`,
    `go/cilium-v1.19.4-${newKey}`,
    `go/cilium-v1.20.2-${oldKey}`,
  ]);
});

test("what a lab uses, or a command used within two hours, stays; sizes are measured", async () => {
  const name = `go/kind-v0.1.0-${newKey}`;
  const root = await cacheOf({ [name]: 5, [`go/helm-v3.0.0-${newKey}`]: 1 });
  const labs = [{ lab: "meshproof", paths: [join(root, name, "bin/kind")], images: [] }];
  expect(await removable(root, { labs })).toEqual([]);
  expect(await removable(root, { foreign: ["perhaps lab x of y"] })).toEqual([]);
  expect(await removable(root)).toEqual([name]);
  const [entry] = await listEntries(root, none, rules);
  expect(entry?.bytes).toBeGreaterThanOrEqual(64 * 1024);
  expect(entry?.bytes).toBeLessThan(256 * 1024);
});

test("an entry is removed under its lock, and left to a process that holds it or got it meanwhile", async () => {
  const name = `go/cilium-v1.19.4-${newKey}`;
  const root = await cacheOf({ [name]: 5 });
  {
    await using _held = await lockFolder(join(root, "locks", name.replace("/", "-")), {
      what: "it",
      waitMs: 0,
    });
    expect(await removeEntry(root, name, now)).toBe(false);
  }
  expect(existsSync(join(root, name))).toBe(true);
  // The store marks what it gives.
  const store = new Store(root);
  const listed = now - hour;
  await store.entry("go", name.slice(3), async () => {
    throw new Error("it exists");
  });
  expect(await removeEntry(root, name, listed)).toBe(false);
  await utimes(join(root, name), new Date(now - 5 * hour), new Date(now - 5 * hour));
  expect(await removeEntry(root, name, listed)).toBe(true);
  expect(existsSync(join(root, name))).toBe(false);
});

test("a link in an entry is counted, not followed", async () => {
  const root = await cacheOf({ [`go/cilium-v1.19.4-${newKey}`]: 5 });
  const outside = tempFolder("outside");
  await writeFile(join(outside, "large"), Buffer.alloc(4 * 1024 ** 2));
  await symlink(outside, join(root, `go/cilium-v1.19.4-${newKey}/bin/link`));
  expect((await listEntries(root, none, rules))[0]?.bytes).toBeLessThan(1024 ** 2);
});

test("images: only Meshproof's, by version, use and time", () => {
  const image = (reference: string, over: object = {}) => ({
    id: reference,
    references: [reference],
    bytes: 1,
    createdAtMs: now - 5 * hour,
    labels: {},
    ...over,
  });
  const built = { labels: { "io.meshproof.key": "k" } };
  const images = [
    image(`meshproof/node:v1.36.4-cilium-1.20.2-${newKey}`),
    image(`meshproof/node:v1.36.4-cilium-1.20.2-${oldKey}`, { createdAtMs: now - 50 * hour }),
    image(`meshproof/node:v1.34.4-cilium-1.19.4-${newKey}`),
    image(`meshproof/node-bare:v1.34.4-${newKey}`, { createdAtMs: now - hour }),
    image("quay.io/cilium/cilium:v1.19.4", built),
    image("quay.io/cilium/cilium:v1.18.0"),
    image("registry.k8s.io/pause:3.10", built),
    image("debian:12"),
  ];
  const usedAt = () => 0;
  const names = (uses: object) =>
    judgeImages(images, { ...none, ...uses }, { pinned, usedAt })
      .filter(isRemovable)
      .map((e) => e.name);
  expect(names({})).toEqual([
    `meshproof/node:v1.36.4-cilium-1.20.2-${oldKey}`,
    `meshproof/node:v1.34.4-cilium-1.19.4-${newKey}`,
    "quay.io/cilium/cilium:v1.19.4",
  ]);
  const containers = [{ container: "node", image: `meshproof/node:v1.34.4-cilium-1.19.4-${newKey}` }];
  const labs = [{ lab: "l", paths: [], images: ["quay.io/cilium/cilium:v1.19.4"] }];
  expect(names({ containers, labs })).toEqual([`meshproof/node:v1.36.4-cilium-1.20.2-${oldKey}`]);
  const marked = judgeImages(images, none, { pinned, usedAt: () => now - 1000 });
  expect(marked.filter(isRemovable)).toEqual([]);
});

test("the files of a bare node go with its versions, and another owner's lab may need any prober image", () => {
  const image = (reference: string, hours: number) => ({
    ...{ id: reference, references: [reference], bytes: 1, labels: {} },
    createdAtMs: now - hours * hour,
  });
  const images = [
    image(`meshproof/node-bare:v1.34.4-${newKey}-files`, 5),
    image(`meshproof/node-bare:v1.36.4-${newKey}-files`, 5),
    image(`meshproof/node-bare:v1.36.4-${oldKey}-files`, 50),
    image(`meshproof.local/prober:${newKey}`, 5),
    image(`meshproof.local/prober:${oldKey}`, 50),
  ];
  const names = (foreign: string[]) =>
    judgeImages(images, { ...none, foreign }, { pinned, usedAt: () => 0 })
      .filter(isRemovable)
      .map((e) => e.name);
  const files = [
    `meshproof/node-bare:v1.34.4-${newKey}-files`,
    `meshproof/node-bare:v1.36.4-${oldKey}-files`,
  ];
  expect(names([])).toEqual([...files, `meshproof.local/prober:${oldKey}`]);
  expect(names(["perhaps lab x of y"])).toEqual(files);
});

test("the pins' components have the names of the cache's entries", () => {
  expect(pinnedVersions()).toHaveProperty("cni-plugins");
  expect(pinnedVersions()["cilium-cli"]).toHaveLength(1);
  expect(partsOf(`cni-plugins-v1.7.1-${newKey}`)).toEqual({ component: "cni-plugins", version: "v1.7.1" });
  expect(partsOf(`cilium-v1.18.0-pre.3-${newKey}`)).toEqual({
    component: "cilium",
    version: "v1.18.0-pre.3",
  });
  expect(partsOf("notes")).toBeUndefined();
});
