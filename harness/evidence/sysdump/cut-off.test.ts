import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { readKvstoreList } from "#harness/cilium/kvstore/shared-state.ts";
import { diagnoseFiles } from "#harness/jobs/diagnose.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { cutOffTroubleshoot } from "./cut-off.ts";
import { entriesOf, exampleDump, exampleTime, zipOf } from "./examples.ts";
import { objectsOf, wholeYamlOf } from "./objects.ts";

async function messagesWith(change: (name: string, text: string) => string): Promise<string[]> {
  const files = Object.entries(exampleDump()).map(([name, text]) => [name, change(name, text)] as const);
  const path = join(tempFolder("cut-off"), "a.zip");
  await writeFile(path, zipOf(entriesOf(Object.fromEntries(files))));
  return (await diagnoseFiles([path])).map((f) => `${f.severity}: ${f.message}`);
}

/** Ends of a text: after some of its lines, and in the middle of a line. */
function cutsOf(text: string): string[] {
  const lines = text.split("\n");
  const after = (share: number): string => `${lines.slice(0, Math.ceil(lines.length * share)).join("\n")}\n`;
  return [after(0.3), after(0.6), after(0.8), text.slice(0, Math.floor(text.length * 0.7))];
}

describe("a file that is cut off is unread, and nothing is concluded from what it lacks", () => {
  const named = (part: string) => (name: string) => name.startsWith(`d/${part}-2`);
  test.each(["k8s-nodes", "k8s-pods", "ciliumnodes", "cilium-daemonset", "cilium-operator-deployment"])(
    "objects: %s",
    async (part) => {
      const [text = ""] = Object.entries(exampleDump()).flatMap(([n, t]) => (named(part)(n) ? [t] : []));
      for (const cut of cutsOf(text)) {
        const found = await messagesWith((name, whole) => (named(part)(name) ? cut : whole));
        expect(found.filter((m) => !m.startsWith("unread"))).toEqual([]);
        expect(found).toContainEqual(
          expect.stringMatching(new RegExp(`^unread: .*${part}|^unread: workloads`)),
        );
      }
    },
  );

  test.each([
    ["cilium-dbg-bpf-ipcache-list.md", "ipcache, agent on n1,"],
    ["cilium-dbg-status---verbose.md", "n1"],
    ["cilium-dbg-service-list--o-json.md", "services, agent on n1,"],
    ["iptables-save--c.md", "iptables-save--c.md of the agent on n1"],
  ])("output of one agent: %s", async (file, what) => {
    const found = await messagesWith((name, text) =>
      name.includes("cilium-aaaaa") && name.endsWith(`/${file}`) ? text.trimEnd().slice(0, -1) : text,
    );
    expect(found.filter((m) => !m.startsWith("unread"))).toEqual([]);
    expect(found).toContainEqual(expect.stringContaining(what));
  });

  test("output in a block of code without its end", async () => {
    const found = await messagesWith((name, text) =>
      /aaaaa.*ipcache-list/.test(name) ? `# cilium-dbg bpf ipcache list\n\n\`\`\`\n${text}` : text,
    );
    expect(found).toEqual([
      expect.stringMatching(/^unread: ipcache, agent on n1, .*the block of its output/),
    ]);
  });
});

test("a list is whole if its kind is there, before or after its items", () => {
  const items = [{ metadata: { name: "a" } }, { metadata: { name: "b" } }];
  expect(objectsOf(toYaml({ apiVersion: "v1", items, kind: "List" }))).toHaveLength(2);
  expect(objectsOf(toYaml({ apiVersion: "v1", kind: "List", items }))).toHaveLength(2);
  expect(() => objectsOf(toYaml({ apiVersion: "v1", items }))).toThrow(/^it is cut off/);
  // As the Cilium CLI writes it.
  const written = "apiVersion: v1\nitems:\n- metadata:\n    name: a\n- metadata:\n    name: b\n";
  expect(objectsOf(`${written}kind: List\n`)).toHaveLength(2);
  expect(() => objectsOf(written)).toThrow(/^it is cut off: a list ends with its kind/);
  expect(() => objectsOf("apiVersion: v1\nitems: null\n")).toThrow(/^it is cut off/);
  expect(objectsOf("apiVersion: v1\nitems: null\nkind: NodeList\n")).toEqual([]);
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "a" }, spec: {} };
  expect(() => objectsOf(toYaml(deployment))).toThrow(/its status is not complete/);
  expect(objectsOf(toYaml({ ...deployment, status: {} }))).toHaveLength(1);
  expect(() => wholeYamlOf("cluster:\n  name: c1\n  i")).toThrow(/its last line has no end|cannot be parsed/);
});

test("troubleshoot says first of how many clusters it is", () => {
  const text = 'Found 2 cluster configurations\n\nCluster "c1":\n✅ own\n\nCluster "c2":\n✅ connected\n';
  expect(cutOffTroubleshoot(text)).toBeUndefined();
  expect(cutOffTroubleshoot(text.slice(0, text.indexOf('Cluster "c2"')))).toMatch(
    /not all of its 2 clusters/,
  );
});

test("a status without its later sections is unread, and the agent with it", async () => {
  const found = await messagesWith((name, text) =>
    /aaaaa.*status---verbose/.test(name) ? text.slice(0, text.indexOf("Controller Status")) : text,
  );
  expect(found).toEqual([
    expect.stringMatching(/^unread: the data of the agent on node n1 of c1 is missing/),
  ]);
});

test("an empty list of pools does not say that there are none", async () => {
  const balanced = {
    metadata: { name: "web", namespace: "shop" },
    spec: { type: "LoadBalancer", selector: {}, ports: [] },
    status: { loadBalancer: {} },
  };
  const services = toYaml({ apiVersion: "v1", items: [balanced], kind: "ServiceList" });
  const withPools = async (pools: string): Promise<string[]> => {
    const files = {
      ...exampleDump(),
      [`d/k8s-services-${exampleTime}.yaml`]: services,
      [`d/ciliumloadbalancerippools-${exampleTime}.yaml`]: pools,
    };
    const path = join(tempFolder("pools"), "a.zip");
    await writeFile(path, zipOf(entriesOf(files)));
    return (await diagnoseFiles([path])).filter((f) => f.severity === "broken").map((f) => f.message);
  };
  expect(await withPools("")).toEqual([]);
  const pools = { apiVersion: "v1", items: [{ metadata: { name: "p" } }], kind: "List" };
  expect(await withPools(toYaml(pools))).toEqual(["service shop/web of c1 has no LoadBalancer address"]);
});

test("a list of a kvstore ends with the marks of a finished synchronisation, if its cluster sets them", () => {
  const config = '# cilium/cluster-config/c1\n{"id":1,"capabilities":{"syncedCanaries":true}}\n';
  const mark = "# cilium/synced/c1/cilium/state/ip/v1\n2026-11-21T09:29:15Z\n";
  expect(() => readKvstoreList(config)).toThrow(/no key under cilium\/synced\//);
  expect(readKvstoreList(`${config}${mark}`).configs.c1).toMatchObject({ id: 1 });
  expect(readKvstoreList('# cilium/cluster-config/c1\n{"id":1}\n').configs.c1).toMatchObject({ id: 1 });
});

test("a list of a kvstore ends with the line of a value", () => {
  const list = "# cilium/state/identities/v1/id/65900\nk8s:app=a;\n";
  expect(readKvstoreList(list).own.identities).toHaveLength(1);
  expect(readKvstoreList(`${list}\n`).own.identities).toHaveLength(1);
  for (const cut of [list.slice(0, -4), list.slice(0, list.indexOf("\n") + 1)])
    expect(() => readKvstoreList(cut)).toThrow(/^it is cut off/);
});
