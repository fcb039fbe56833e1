import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { profileNames } from "#harness/model/profile.ts";
import { checkNetwork, checkPorts, mergeValues, planLab } from "./plan.ts";
import { labFileOf } from "./profiles.ts";

async function labWith(edit: {
  east?: (text: string) => string;
  west?: (text: string) => string;
  lab?: (text: string) => string;
}): Promise<string> {
  const dir = tempFolder("lab");
  const from = join(labFileOf("default"), "..");
  for (const [name, change] of [
    ["east.yaml", edit.east],
    ["west.yaml", edit.west],
    ["lab.yaml", edit.lab],
  ] as const) {
    const text = await readFile(join(from, name), "utf8");
    const changed = change === undefined ? text : change(text);
    if (change !== undefined) expect(changed).not.toBe(text);
    await writeFile(join(dir, name), changed);
  }
  return join(dir, "lab.yaml");
}

describe("the default lab", () => {
  test("has two clusters with disjoint CIDRs, one control plane and one worker each", async () => {
    const plan = await planLab({ lab: "default" });
    expect(plan.clusters.map((c) => [c.name, c.id, c.kubernetes, c.cilium])).toEqual([
      ["east", 1, "1.36.4", "1.20.2"],
      ["west", 2, "1.36.4", "1.20.2"],
    ]);
    expect(plan.clusters.map((c) => c.kindConfig.nodes.map((n) => n.role))).toEqual([
      ["control-plane", "worker"],
      ["control-plane", "worker"],
    ]);
    expect(plan.budgets.failoverMs).toBe(2000);
  });

  test.each(profileNames)("every profile has its own valid lab: %s", async (profile) => {
    const plan = await planLab({ lab: "x", profile });
    expect(plan).toMatchObject({ profile });
    expect(plan).not.toHaveProperty("labFile");
  });

  test.each([
    "ids-511.yaml",
    "native-routing.yaml",
    "no-kvstoremesh.yaml",
    "dual-stack/lab.yaml",
    "endpointslice-east.yaml",
    "endpointslice-both.yaml",
    "endpointslice-only.yaml",
    "untuned.yaml",
  ])("the other labs are valid too: %s", async (name) => {
    const labFile = join(labFileOf("default"), "..", name);
    expect((await planLab({ lab: "x", labFile })).clusters).toHaveLength(2);
  });

  // The flag of agents and operators, and those of the two programs in clustermesh-apiserver's pod, must not differ.
  test.each([
    ["endpointslice-east.yaml", ["prefer-endpointslice", undefined]],
    ["endpointslice-both.yaml", ["prefer-endpointslice", "prefer-endpointslice"]],
    ["endpointslice-only.yaml", ["only-endpointslice", "only-endpointslice"]],
  ])("%s gives every program of a cluster one clustermesh-service-v2", async (name, modes) => {
    const labFile = join(labFileOf("default"), "..", name);
    const { clusters } = await planLab({ lab: "x", labFile });
    for (const [i, mode] of modes.entries()) {
      const extraArgs = [`--clustermesh-service-v2=${mode}`];
      const carried = {
        extraConfig: { "clustermesh-service-v2": mode },
        clustermesh: { apiserver: { extraArgs, kvstoremesh: { extraArgs } } },
      };
      if (mode !== undefined) expect(clusters[i]?.values).toMatchObject(carried);
      else expect(JSON.stringify(clusters[i]?.values)).not.toContain("clustermesh-service-v2");
    }
  });

  test("the reason for a lab's Cilium version is kept only while every cluster has that version", async () => {
    const labFile = await labWith({ lab: (text) => `${text}\ncilium: 1.19.7\nciliumReason: the CLI\n` });
    expect((await planLab({ lab: "x", labFile })).ciliumReason).toBe("the CLI");
    const other = await planLab({ lab: "x", labFile, cilium: ["east=1.19.4"] });
    expect(other).not.toHaveProperty("ciliumReason");
  });

  test("a lab is tuned unless its lab file says otherwise; untuned.yaml is the default lab but for that", async () => {
    const tuned = await planLab({ lab: "x" });
    const labFile = join(labFileOf("default"), "../untuned.yaml");
    expect(tuned.tuning).toBe("tuned");
    expect(await planLab({ lab: "x", labFile })).toEqual({
      ...tuned,
      tuning: "untuned",
      labFile: "kind-configs/untuned.yaml",
    });
    const wrong = await labWith({ lab: (text) => `${text}\ntuning: fast\n` });
    await expect(planLab({ lab: "x", labFile: wrong })).rejects.toThrow(
      expect.objectContaining({ code: "config-invalid", message: expect.stringContaining("tuning") }),
    );
  });

  test("a dual-stack cluster has an IPv4 and an IPv6 pod CIDR", async () => {
    const labFile = join(labFileOf("default"), "../dual-stack/lab.yaml");
    expect((await planLab({ lab: "x", labFile })).clusters[1]).toMatchObject({
      podCidr: "10.2.0.0/16",
      podCidr6: "fd00:10:2::/56",
      serviceCidr: "10.102.0.0/16",
    });
  });

  test("clusters beyond those of the lab file are copies of its last, with their own ids and CIDRs", async () => {
    const { clusters } = await planLab({ lab: "x", clusters: 4 });
    expect(clusters.map((c) => [c.name, c.id, c.podCidr, c.serviceCidr])).toEqual([
      ["east", 1, "10.1.0.0/16", "10.101.0.0/16"],
      ["west", 2, "10.2.0.0/16", "10.102.0.0/16"],
      ["cluster3", 3, "10.3.0.0/16", "10.103.0.0/16"],
      ["cluster4", 4, "10.4.0.0/16", "10.104.0.0/16"],
    ]);
    expect(clusters[3]).toMatchObject({ values: clusters[1]?.values, kubernetes: "1.36.4" });
  });

  test("versions and workers apply to one cluster if it is named", async () => {
    const plan = await planLab({ lab: "x", cilium: ["1.19.1", "east=1.19.4"], workers: 3 });
    expect(plan.clusters.map((c) => c.cilium)).toEqual(["1.19.4", "1.19.1"]);
    expect(plan.clusters[0]?.kindConfig.nodes).toHaveLength(4);
  });
});

const badFiles: readonly [string, Parameters<typeof labWith>[0], RegExp, string][] = [
  [
    "overlapping pod CIDRs",
    { west: (t: string) => t.replace("10.2.0.0/16", "10.1.128.0/17") },
    /east's podSubnet 10\.1\.0\.0\/16 overlaps west's podSubnet 10\.1\.128\.0\/17/,
    "config-conflict",
  ],
  [
    "a malformed CIDR",
    { east: (t: string) => t.replace("podSubnet: 10.1.0.0/16", "podSubnet: 10.1.0.0/99") },
    /east's podSubnet/,
    "config-invalid",
  ],
  [
    "overlapping IPv6 pod CIDRs",
    {
      east: (t: string) => t.replace("podSubnet: 10.1.0.0/16", "podSubnet: 10.1.0.0/16,fd00:10::/56"),
      west: (t: string) => t.replace("podSubnet: 10.2.0.0/16", "podSubnet: 10.2.0.0/16,fd00:10::/56"),
    },
    /east's podSubnet fd00:10::\/56 overlaps west's podSubnet fd00:10::\/56/,
    "config-conflict",
  ],
  [
    "equal names",
    { lab: (t: string) => t.replace("name: west", "name: east") },
    /clusters 1 and 2 are both named east/,
    "config-conflict",
  ],
  [
    "equal ids",
    { lab: (t: string) => t.replace("id: 2", "id: 1") },
    /clusters east and west both have id 1/,
    "config-conflict",
  ],
  [
    "an id out of range",
    { lab: (t: string) => t.replace("id: 2", "id: 512") },
    /clusters\.1\.id: cluster ids end at 511/,
    "config-invalid",
  ],
  [
    "an id above 255 without maxConnectedClusters",
    { lab: (t: string) => t.replace("id: 2", "id: 256") },
    /cluster west has id 256; the highest valid id is 255/,
    "config-conflict",
  ],
  [
    "maxConnectedClusters of 511 in only one cluster",
    {
      lab: (t: string) => t.replace(/( {6}clustermesh:\n)/, "$1        maxConnectedClusters: 511\n"),
    },
    /east has clustermesh\.maxConnectedClusters 255, west 511/,
    "config-conflict",
  ],
  ["an unknown key", { lab: (t: string) => `${t}\nbudget: 3\n` }, /budget/, "config-invalid"],
  [
    "kube-proxy left on",
    { west: (t: string) => t.replace("kubeProxyMode: none", "kubeProxyMode: iptables") },
    /kubeProxyMode must be none/,
    "config-invalid",
  ],
];

describe("bad input is refused with a message that names both sides", () => {
  test.each(badFiles)("%s", async (_name, edit, message, code) => {
    const file = await labWith(edit);
    await expect(planLab({ lab: "x", labFile: file })).rejects.toMatchObject({
      code,
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  });

  test.each([
    [{ lab: "No Such Name" }, /lab name/],
    [{ lab: "x", cilium: ["north=1.19.4"] }, /no cluster north/],
    [{ lab: "x", kubernetes: ["latest"] }, /not a full version/],
    [{ lab: "x", cilium: ["east=1.20.2", "east=1.19.7"] }, /gives east two versions: 1\.20\.2 and 1\.19\.7/],
    [{ lab: "x", kubernetes: ["1.36.4", "1.34.9"] }, /gives every cluster two versions/],
    [{ lab: "x", clusters: 1 }, /a mesh needs two clusters/],
    [
      { lab: "x", clusters: 3, labFile: join(labFileOf("default"), "../dual-stack/lab.yaml") },
      /--clusters cannot copy a dual-stack cluster/,
    ],
    [{ lab: "x", labFile: "/nowhere/lab.yaml" }, /cannot read \/nowhere\/lab\.yaml/],
  ])("%j", async (options, message) => {
    await expect(planLab(options)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  });

  test.each([
    [{ kubernetes: ["1.36"] }, "give the patch release too: --kubernetes 1.36.4"],
    [{ kubernetes: ["west=1.34"] }, "give the patch release too: --kubernetes 1.34.9"],
    [{ kubernetes: ["1.33"] }, "give major, minor and patch: --kubernetes 1.33.N"],
    [{ kubernetes: ["latest"] }, "give major, minor and patch: --kubernetes 1.36.4"],
    [{ cilium: ["1.19"] }, "give the patch release too: --cilium 1.19.7"],
    [{ cilium: ["east=1.20.2", "east=1.20.2"] }, "give --cilium east=VERSION once"],
  ])("the remedy for %j is '%s'", async (versions, remedy) => {
    await expect(planLab({ lab: "x", ...versions })).rejects.toMatchObject({ code: "usage", remedy });
  });

  test("lab and cluster names that make a node's name too long for a host name", async () => {
    const named = (west: string) => labWith({ lab: (t: string) => t.replace("name: west", `name: ${west}`) });
    const lab = "l".repeat(20);
    const fits = await named("w".repeat(17));
    expect((await planLab({ lab, labFile: fits })).clusters[1]?.name).toHaveLength(17);
    const tooLong = await named("w".repeat(18));
    await expect(planLab({ lab, labFile: tooLong })).rejects.toMatchObject({
      code: "config-conflict",
      message: expect.stringContaining("make a node name of over 63 characters"),
    });
  });

  test("a port in use, with the setting that requests it", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
    );
    const file = await labWith({
      east: (t) => t.replace("  kubeProxyMode: none", `  kubeProxyMode: none\n  apiServerPort: ${port}`),
    });
    await expect(checkPorts(await planLab({ lab: "x", labFile: file }))).rejects.toMatchObject({
      code: "port-in-use",
      message: expect.stringContaining("east's apiServerPort"),
    });
    server.close();
  });

  test("a Docker network that overlaps a cluster's CIDR", async () => {
    const plan = await planLab({ lab: "x" });
    expect(() => checkNetwork(plan, "meshproof-x", "10.2.0.0/16")).toThrow(
      /west's 10\.2\.0\.0\/16 overlaps Docker network/,
    );
    checkNetwork(plan, "meshproof-x", "172.18.0.0/16");
  });
});

test("values merge as Helm merges them", () => {
  expect(mergeValues({ a: { b: 1, c: [1] }, d: 1 }, { a: { c: [2] }, d: { e: 1 } })).toEqual({
    a: { b: 1, c: [2] },
    d: { e: 1 },
  });
});

test("a leading v of a version does not count", async () => {
  const { clusters } = await planLab({ lab: "x", cilium: ["v1.19.7"], kubernetes: ["v1.34.9"] });
  expect(clusters.map((c) => [c.cilium, c.kubernetes])).toEqual([
    ["1.19.7", "1.34.9"],
    ["1.19.7", "1.34.9"],
  ]);
});

test("of a lab file outside the clone only the name is kept", async () => {
  const plan = await planLab({ lab: "x", labFile: await labWith({}) });
  expect(plan.labFile).toBe("lab.yaml, outside the clone");
});
