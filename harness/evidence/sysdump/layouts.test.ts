import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { diagnoseFiles } from "#harness/jobs/diagnose.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { type ExampleEntry, type ExampleOptions, entriesOf, exampleDump, tarOf, zipOf } from "./examples.ts";
import { objectsOf, slicesOf } from "./objects.ts";
import { peersOf } from "./peers.ts";
import { readSysdumps, suppliedOf } from "./sysdump.ts";

async function saved(name: string, content: Buffer): Promise<string> {
  const path = join(tempFolder("layouts"), name);
  await writeFile(path, content);
  return path;
}

function savedFolder(entries: readonly ExampleEntry[]): string {
  const root = join(tempFolder("layouts"), "unpacked");
  for (const { name, content } of entries) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

const example = (options: ExampleOptions = {}): ExampleEntry[] => entriesOf(exampleDump(options));
/** An agent's files as `cilium-bugtool` alone writes them. */
const bugtool = (pod: string): ExampleEntry[] =>
  example()
    .filter((e) => e.name.includes(`bugtool-${pod}`))
    .map((e) => ({
      ...e,
      name: e.name.replace(/^.*\/cmd\//, "cilium-bugtool-20261121-095911.2+0000-UTC-77/cmd/"),
    }));
const without = (entries: readonly ExampleEntry[], part: string): ExampleEntry[] =>
  entries.filter((e) => !e.name.includes(part));
const messages = async (...paths: string[]): Promise<string[]> =>
  (await diagnoseFiles(paths)).map((f) => `${f.severity}: ${f.message}`);

describe("kinds of archives", () => {
  test("a zip, a tar, a tar.gz and a folder hold the same, and nothing in it is wrong", async () => {
    const entries = example();
    const paths = [
      await saved("a.zip", zipOf(entries)),
      await saved("a.tar", tarOf(entries)),
      await saved("a.tar.gz", gzipSync(tarOf(entries))),
      // Recognized by its content.
      await saved("a.zip", gzipSync(tarOf(entries.map((e) => ({ ...e, name: `./${e.name}` }))))),
      savedFolder(entries),
    ];
    const dumps = (await Promise.all(paths.map(readSysdumps))).flat();
    const [first, ...others] = dumps.map((d) => new Map([...suppliedOf(d).files].sort()));
    expect(first?.size).toBeGreaterThan(25);
    expect(others).toHaveLength(paths.length - 1);
    for (const other of others) expect(other).toEqual(first);
    expect(await messages(paths[2] ?? "")).toEqual([]);
  });

  test("one archive with the sysdumps of several clusters", async () => {
    const both = ["c1", "c2"].flatMap((cluster) =>
      example({ cluster }).map((e) => ({ ...e, name: e.name.replace(/^d\//, `${cluster}/`) })),
    );
    const dumps = await readSysdumps(await saved("both.zip", zipOf(both)));
    expect(dumps.map((d) => d.cluster)).toEqual(["c1", "c2"]);
  });

  test("lines that end as on Windows say the same", async () => {
    const windows = (e: ExampleEntry): ExampleEntry => ({
      ...e,
      content: Buffer.from(e.content.toString("utf8").replaceAll("\n", "\r\n")),
    });
    const [dump] = await readSysdumps(await saved("a.zip", zipOf(example())));
    const [same] = await readSysdumps(await saved("a.zip", zipOf(example().map(windows))));
    expect(same && suppliedOf(same).files).toEqual(dump && suppliedOf(dump).files);
  });

  test.each(["iptables-save--c.md", "hostname.md"])(
    "a damaged file of one agent is unread, also one that not every archive has: %s",
    async (name) => {
      const [damaged] = example().filter((e) => e.name.endsWith(`/${name}`));
      const entries = example().map((e) => (e.name === damaged?.name ? { ...e, declared: 0 } : e));
      expect(await messages(await saved("a.zip", zipOf(entries)))).toEqual([
        expect.stringMatching(new RegExp(`^unread: \\S+/${name} of c1 could not be read: a.zip: `)),
      ]);
    },
  );

  test("a bugtool archive that the Cilium CLI could not unpack, or that was taken from another pod later", async () => {
    const rest = without(example(), "bugtool-cilium-bbbbb");
    const packed = gzipSync(tarOf(bugtool("cilium-bbbbb")));
    const inside = { name: "d/cilium-bugtool-cilium-bbbbb-20261121-095906.tar.gz", content: packed };
    expect(await messages(await saved("a.zip", zipOf([...rest, inside])))).toEqual([]);
    const alone = await saved("cilium-bugtool-n2.tar.gz", packed);
    expect(await messages(await saved("a.zip", zipOf(rest)), alone)).toEqual([]);
    const of = await messages(alone);
    expect(of).toContainEqual(expect.stringMatching(/^unread: nodes of c1 .*an archive of cilium-bugtool/));
    expect(of.filter((m) => !m.startsWith("unread"))).toEqual([]);
  });
});

describe("what installations and versions change", () => {
  test("file names before Cilium 1.15, and Cilium in another namespace", async () => {
    const path = await saved("a.zip", zipOf(example({ tool: "cilium", namespace: "cilium" })));
    expect(await messages(path)).toEqual([]);
    const crashing = example({ namespace: "cilium" }).map((e) =>
      e.name.includes("k8s-pods")
        ? { ...e, content: Buffer.from(e.content.toString().replaceAll("ready: true", "ready: false")) }
        : e,
    );
    expect(await messages(await saved("b.zip", zipOf(crashing)))).toContainEqual(
      expect.stringMatching(/^broken: container cilium-agent of cilium-aaaaa/),
    );
  });

  test("without a Helm release the peers come from troubleshoot; without both they are unread", async () => {
    const entries = without(example(), "helm-values");
    expect(await messages(await saved("a.zip", zipOf(entries)))).toEqual([
      expect.stringMatching(/^unread: configured peers of c1 .*neither the values of a Helm release/),
    ]);
    const text = [
      'Cluster "c2":',
      "📄 Configuration path: /var/lib/cilium/clustermesh/c2",
      "🔌 Endpoints:",
      "   - https://c2.mesh.cilium.io:32379",
      "🔑 Digital certificates:",
      "   - https://not.an/endpoint",
    ].join("\n");
    const from = { helm: undefined, agentTroubleshoot: undefined, namespace: "cilium" };
    expect(peersOf({ ...from, kvstoreMeshTroubleshoot: text })).toEqual({
      agents: {},
      kvstoreMesh: { c2: ["https://c2.mesh.cilium.io:32379"] },
    });
    const helm = { clustermesh: { useAPIServer: true, config: { clusters: [{ name: "c3", port: 1 }] } } };
    expect(peersOf({ ...from, helm, kvstoreMeshTroubleshoot: undefined })).toEqual({
      agents: { c3: ["https://clustermesh-apiserver.cilium.svc:2379"] },
      kvstoreMesh: { c3: ["https://c3.mesh.cilium.io:1"] },
    });
  });

  test("two clusters of one name are a finding; two archives of one cluster are refused", async () => {
    const other = example().map((e) => ({
      ...e,
      content: Buffer.from(e.content.toString().replace("uid-of-c1", "uid-of-another")),
    }));
    const path = await saved("a.zip", zipOf(example()));
    expect((await messages(path, await saved("b.zip", zipOf(other))))[0]).toMatch(
      /two clusters have the name c1/,
    );
    await expect(diagnoseFiles([path, await saved("c.tar", tarOf(example()))])).rejects.toMatchObject({
      exitCode: 2,
    });
  });

  test("a cluster with kube-proxy, which is not among the workloads of a sysdump", async () => {
    const entries = example().map((e) =>
      e.name.includes("cilium-configmap")
        ? {
            ...e,
            content: Buffer.from(
              toYaml({ data: { "cluster-name": "c1", "kube-proxy-replacement": "false" } }),
            ),
          }
        : e,
    );
    expect(await messages(await saved("a.zip", zipOf(entries)))).toEqual([]);
  });

  test("200 nodes, half of them without their agents' data", async () => {
    const all = entriesOf(exampleDump({ nodes: 200 }));
    const half = all.filter(({ name }) => !/bugtool-cilium-[n-z]/.test(name));
    const found = await messages(await saved("a.zip", zipOf(half)));
    expect(found).toEqual([
      expect.stringMatching(/^unread: the data of the agent on node n100, .* and 91 more of c1 is missing/),
    ]);
  });
});

describe("objects", () => {
  test("those of many nodes: each is parsed alone, without the fields of their managers", () => {
    const pod = (i: number): string =>
      [
        "- metadata:",
        "    managedFields:",
        "    - apiVersion: v1",
        "      fieldsV1:",
        "        f:metadata: [",
        `    name: pod-${i}`,
        "    namespace: a",
        "  spec:",
        "    text: |-",
        "      - not an item",
        "",
        "      items:",
      ].join("\n");
    const text = `apiVersion: v1\nitems:\n${Array.from({ length: 3 }, (_, i) => pod(i)).join("\n")}\nkind: PodList\n`;
    const pods = objectsOf(text);
    expect(pods.map((p) => p.metadata)).toEqual([0, 1, 2].map((i) => ({ name: `pod-${i}`, namespace: "a" })));
    expect(pods[1]?.spec.text).toBe("- not an item\n\nitems:");
    expect(objectsOf("items: null\n")).toEqual([]);
    expect(() => objectsOf(`${text.replace("name: pod-1", "name: [")}`)).toThrow(/its item at line 15: /);
    expect(() => objectsOf("a: 1\n")).toThrow(/neither items nor metadata/);
  });

  test("Endpoints replace EndpointSlices, which old CLIs do not collect", () => {
    const endpoints = {
      apiVersion: "v1",
      kind: "Endpoints",
      metadata: { name: "s", namespace: "a" },
      subsets: [
        { addresses: [{ ip: "10.0.0.1" }], notReadyAddresses: [{ ip: "10.0.0.2" }], ports: [{ port: 80 }] },
      ],
    };
    expect(slicesOf([endpoints])).toMatchObject([
      {
        metadata: { namespace: "a", labels: { "kubernetes.io/service-name": "s" } },
        addressType: "IPv4",
        endpoints: [
          { addresses: ["10.0.0.1"], conditions: { ready: true } },
          { addresses: ["10.0.0.2"], conditions: { ready: false } },
        ],
      },
    ]);
  });
});

describe("unread parts are named, and the rest is read", () => {
  const unreadIn = async (entries: readonly ExampleEntry[]): Promise<string[]> =>
    messages(await saved("a.zip", zipOf(entries)));

  test("a missing agent, object file or command", async () => {
    expect(await unreadIn(without(example(), "bugtool-cilium-bbbbb"))).toEqual([
      expect.stringMatching(/^unread: the data of the agent on node n2 of c1 is missing/),
    ]);
    expect(await unreadIn(without(example(), "ciliumidentities"))).toContainEqual(
      expect.stringMatching(/^unread: ciliumidentities of c1 .*the archive has no ciliumidentities/),
    );
    const failed = example().map((e) =>
      /aaaaa.*status---verbose/.test(e.name)
        ? {
            ...e,
            content: Buffer.from(
              "Error: refused\n> Error while running 'cilium-dbg status':  exit status 1\n\n",
            ),
          }
        : e,
    );
    expect(await unreadIn(failed)).toContainEqual(
      expect.stringMatching(/^broken: the agent of c1\/n1 does not answer: .*exit status 1: Error: refused/),
    );
  });

  test("a file that is damaged or too large; an archive that ends early", async () => {
    const damaged = example().map((e) =>
      e.name.includes("k8s-nodes") ? { ...e, content: Buffer.from("items:\n- [\n") } : e,
    );
    const found = await unreadIn(damaged);
    expect(found).toContainEqual(
      expect.stringMatching(/^unread: nodes of c1 .*k8s-nodes\.yaml: its item at line 2/),
    );
    expect(found.filter((m) => !m.startsWith("unread"))).toEqual([]);
    const folder = savedFolder(example());
    truncateSync(join(folder, "d/logs-cilium-aaaaa-cilium-agent-20261121-095906.log"), 2 * 1024 ** 3);
    expect(await messages(folder)).toEqual([
      expect.stringMatching(/^unread: words, agent on n1, of c1 .*it has 2048 MiB; the limit is 256 MiB/),
    ]);
    const tar = tarOf(example());
    const cut = await messages(await saved("cut.tar", tar.subarray(0, tar.length - 4000)));
    expect(cut).toContainEqual(
      expect.stringMatching(/^unread: the rest of the archive of c1 .*truncated after \d+ entries/),
    );
  });

  test("a tar with a link, a device or a false size is refused or named", async () => {
    for (const type of ["link", "device"] as const) {
      const entries = [...example(), { name: "d/k8s-x.yaml", content: Buffer.alloc(0), type }];
      await expect(diagnoseFiles([await saved("a.tar", tarOf(entries))])).rejects.toMatchObject({
        exitCode: 2,
        message: expect.stringMatching(/^a\.tar: d\/k8s-x\.yaml is a (link|device)/),
      });
    }
  });

  test("a name with a line break is not a name", async () => {
    const list = toYaml({ items: [{ metadata: { name: "a\n1. [nodes] all is well" } }] });
    expect(() => objectsOf(list)).toThrow(/item 1 is not a Kubernetes object with a valid name/);
  });
});
