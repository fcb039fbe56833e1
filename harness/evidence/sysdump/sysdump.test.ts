import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Zippable, zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import {
  parseFailingControllers,
  parseIdentities,
  parseIpcache,
  parseKvstoreMesh,
  parseLbMaps,
  parseRemoteClusters,
} from "#harness/cilium/agent/parse.ts";
import { diagnoseFiles } from "#harness/jobs/diagnose.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { readSysdumps } from "./sysdump.ts";
import { identityTable, kvstoreMeshText, mapTable, statusText } from "./tables.ts";

const at = "20261121-095906";

async function zipOf(
  files: Readonly<Record<string, string | Buffer>>,
  options: { readonly mode?: number } = {},
): Promise<string> {
  const path = join(tempFolder("sysdump"), "dump.zip");
  const entries: Zippable = {};
  for (const [name, text] of Object.entries(files))
    entries[name] = [
      Buffer.from(text),
      options.mode === undefined ? {} : { os: 3, attrs: options.mode << 16 },
    ];
  await writeFile(path, zipSync(entries));
  return path;
}

const list = (items: object[]): string => toYaml({ apiVersion: "v1", kind: "List", items });

const service = (type: string, ports: object[]): object => ({
  metadata: { name: "clustermesh-apiserver", namespace: "kube-system" },
  spec: { type, ports, selector: {} },
  status: {},
});

/** A cluster whose KVStoreMesh connects to its peer at a port. */
const dump = (cluster: string, peer: string, port: number): Record<string, string> => ({
  [`d/cilium-configmap-${at}.yaml`]: toYaml({
    data: { "cluster-name": cluster, "cluster-id": cluster === "c1" ? "1" : "2" },
  }),
  [`d/cilium-helm-values-${at}.yaml`]: toYaml({
    clustermesh: { useAPIServer: true, config: { clusters: { [peer]: { ips: ["172.19.0.2"], port } } } },
  }),
  [`d/k8s-services-${at}.yaml`]: list([service("NodePort", [{ port: 2379, nodePort: 32379 }])]),
  [`d/k8s-pods-${at}.yaml`]: list([
    { metadata: { name: "cilium-abc", namespace: "kube-system" }, spec: { nodeName: `${cluster}-worker` } },
  ]),
  [`d/clustermesh-apiserver-1-kvstoremesh-status-${at}.txt`]: [
    "KVStoreMesh:\t0/1 remote clusters ready",
    `   ${peer}: not-ready, 0 nodes, 0 endpoints, 0 identities, 0 services`,
    "   └  Waiting for initial connection to be established",
    "   └  remote configuration: expected=unknown, retrieved=unknown",
    "",
  ].join("\n"),
  [`d/cilium-bugtool-cilium-abc-${at}/cmd/cilium-dbg-bpf-ipcache-list.md`]:
    "IP PREFIX/ADDRESS   IDENTITY\n10.1.1.27/32        identity=70287 encryptkey=0 tunnelendpoint=172.19.0.3 flags=hastunnel   \n",
});

describe("tables of Cilium's tools in a bugtool archive", () => {
  test("the failing controllers in cilium-dbg status --verbose", () => {
    const text = [
      "Controller Status:      2/3 healthy",
      "  Name                            Last success   Last error   Count   Message",
      "  cilium-health-ep                31s ago        never        0       no error    ",
      "  remote-etcd-c2-cluster-config   never          8s ago       10      not found   ",
      "  sync-lb-maps                    1m2s ago       never        0       no error    ",
      "Proxy Status:            OK, ip 10.1.1.144",
      "  no-controller                   never          8s ago       3       not one     ",
    ].join("\n");
    expect(parseFailingControllers(statusText(text))).toEqual([
      { name: "remote-etcd-c2-cluster-config", failures: 10, message: "not found" },
    ]);
  });

  test("the ClusterMesh part of cilium-dbg status --verbose", () => {
    const text = [
      "Cilium:        Ok",
      "ClusterMesh:   1/2 remote clusters ready",
      "   c2: ready, 2 nodes, 6 endpoints, 5 identities, 3 services, 0 MCS-API service exports, 1 reconnections (last: 30m3s ago)",
      "   └  etcd: 1/1 connected, leases=0, has-quorum=true: endpoint status checks are disabled, ID: 36fb",
      "   └  remote configuration: expected=true, retrieved=true, cluster-id=2, kvstoremesh=true, sync-canaries=true",
      "   └  synchronization status: nodes=true, endpoints=true, identities=true, services=false",
      "   c3: not-ready, 0 nodes, 0 endpoints, 0 identities, 0 services",
      "   └  Waiting for initial connection to be established",
      "IPv4 BIG TCP:           Disabled",
      "   c9: ready, 1 nodes",
    ].join("\n");
    const [c2, c3, ...others] = parseRemoteClusters(statusText(text));
    expect(others).toEqual([]);
    expect(c2).toMatchObject({
      name: "c2",
      ready: true,
      connected: true,
      counts: { nodes: 2, endpoints: 6, identities: 5, services: 3 },
      config: { required: true, retrieved: true, clusterId: 2, kvstoreMesh: true },
      synced: { nodes: true, endpoints: true, identities: true, services: false },
    });
    expect(c3).toMatchObject({
      name: "c3",
      ready: false,
      connected: false,
      status: "Waiting for initial connection to be established",
    });
    expect(parseKvstoreMesh(kvstoreMeshText(text.replace("ClusterMesh:", "KVStoreMesh:")))).toHaveLength(2);
  });

  test("maps and identities, as the parsers of the live tool's JSON read them", () => {
    const lb = [
      "SERVICE ADDRESS               BACKEND ADDRESS (REVNAT_ID) (SLOT)",
      "10.101.0.10:53/UDP (2)        10.1.0.175:53/UDP (8) (2)                                      ",
      "10.101.0.10:53/UDP (0)        0.0.0.0:0 (8) (0) [ClusterIP, non-routable]                   ",
    ].join("\n");
    expect(parseLbMaps(mapTable(lb)).get("10.101.0.10:53/UDP")).toEqual(["10.1.0.175:53/UDP"]);
    const ipcache =
      "IP PREFIX/ADDRESS   IDENTITY\n10.1.1.27/32        identity=7 encryptkey=0 tunnelendpoint=172.19.0.3 flags=hastunnel  \n";
    expect(parseIpcache(mapTable(ipcache))).toEqual([
      { cidr: "10.1.1.27/32", identity: 7, tunnelEndpoint: "172.19.0.3" },
    ]);
    const ids =
      "ID       LABELS\n1        reserved:host\n         reserved:kube-apiserver\n70287    k8s:app=x\n";
    expect(parseIdentities(identityTable(ids))).toEqual([
      { id: 1, labels: ["reserved:host", "reserved:kube-apiserver"] },
      { id: 70287, labels: ["k8s:app=x"] },
    ]);
  });
});

describe("diagnose of sysdumps", () => {
  test("a wrong peer port is reported, with the right one", async () => {
    const c1 = await zipOf(dump("c1", "c2", 32380));
    const c2 = await zipOf(dump("c2", "c1", 32379));
    const found = (await diagnoseFiles([c1, c2])).filter((f) => f.layer === "configuration");
    expect(found).toMatchObject([{ severity: "broken", cluster: "c1" }]);
    expect(found[0]?.message).toContain("contacts c2 at port 32380");
    expect(found[0]?.message).toContain("listens at 32379 (NodePort)");
  });

  test("events are read: what a pod of clustermesh-apiserver waits for is named first", async () => {
    const name = "clustermesh-apiserver-1-a";
    const waiting = {
      name: "etcd",
      ready: false,
      restartCount: 0,
      state: { waiting: { reason: "PodInitializing" } },
    };
    const event = {
      metadata: { name: "e", namespace: "kube-system" },
      type: "Warning",
      reason: "FailedMount",
      involvedObject: { kind: "Pod", name, namespace: "kube-system" },
      message: 'MountVolume.SetUp failed for volume "x" : configmap "clustermesh-remote-users" not found',
      lastTimestamp: "2026-11-21T09:59:00Z",
    };
    const pod = {
      metadata: { name, namespace: "kube-system" },
      spec: { nodeName: "c1-worker" },
      status: { containerStatuses: [waiting], conditions: [{ type: "Ready", status: "False" }] },
    };
    const c1 = await zipOf({
      ...dump("c1", "c2", 32379),
      [`d/k8s-pods-${at}.yaml`]: list([pod]),
      [`d/k8s-events-${at}.yaml`]: list([
        event,
        { ...structuredClone(event), type: "Normal", message: "another" },
      ]),
    });
    const [first] = await diagnoseFiles([c1, await zipOf(dump("c2", "c1", 32379))]);
    expect(first).toMatchObject({ id: "pod-cannot-start", cluster: "c1" });
    expect(first?.message).toContain("waits for ConfigMap clustermesh-remote-users, which does not exist");
  });

  test("agents are found by the nodes of their pods", async () => {
    const [found] = await readSysdumps(await zipOf(dump("c1", "c2", 32379)));
    expect(found?.cluster).toBe("c1");
    expect(found?.evidence.get("agent-c1-worker-ipcache.json")).toContain("identity=70287");
  });
});

describe("hostile and broken archives are refused, naming the file, with exit code 2", () => {
  const refused = async (path: string, message: RegExp): Promise<void> => {
    await expect(diagnoseFiles([path])).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  };

  test("truncated, not a zip archive, or missing", async () => {
    const whole = await readFile(await zipOf(dump("c1", "c2", 1)));
    const path = join(tempFolder("sysdump"), "x.zip");
    await writeFile(path, whole.subarray(0, whole.length / 2));
    await refused(path, /x\.zip: not a zip archive, or a truncated one/);
    await writeFile(path, "hello");
    await refused(path, /not a zip archive/);
    await refused("/nowhere/x.zip", /cannot read/);
  });

  test("another archive, and two sysdumps of one cluster", async () => {
    await refused(await zipOf({ "d/readme.txt": "x" }), /is not a sysdump: it has no cilium-configmap/);
    const both = await zipOf({ "d/c1.zip": "PK", "d/c2.tar.gz": "x", "d/readme.txt": "x" });
    await refused(both, /\.zip: holds 2 archives: unpack it \(d\/c1\.zip, d\/c2\.tar\.gz\)$/);
    const a = await zipOf(dump("c1", "c2", 1));
    const b = await zipOf(dump("c1", "c2", 2));
    await expect(diagnoseFiles([a, b])).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/are both from cluster c1/),
    });
  });

  test("paths outside the archive, links, deep nesting", async () => {
    const name = `dd/k8s-pods-${at}.yaml`;
    const path = await zipOf({ [name]: "x" });
    const bytes = (await readFile(path)).toString("latin1").replaceAll(name, name.replace("dd", ".."));
    await writeFile(path, Buffer.from(bytes, "latin1"));
    await refused(path, /invalid relative path|outside the archive/);
    await refused(await zipOf({ [name]: "/etc/passwd" }, { mode: 0o120777 }), /is a link/);
    await refused(await zipOf({ [`${"a/".repeat(12)}${name}`]: "x" }), /nested too deep/);
  });

  test("a zip bomb: the unpacked size is checked before reading", async () => {
    const path = await zipOf({ [`d/k8s-pods-${at}.yaml`]: Buffer.alloc(80 * 1024 ** 2) });
    await refused(path, /k8s-pods-\d+-\d+\.yaml: it has 80 MiB; the limit is 64 MiB/);
    // One with a false size is cut off at the declared size.
    const small = await zipOf({ [`d/k8s-pods-${at}.yaml`]: Buffer.alloc(1024 ** 2) });
    const bytes = await readFile(small);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(1024 ** 2);
    for (let i = bytes.indexOf(size); i >= 0; i = bytes.indexOf(size, i + 1)) bytes.writeUInt32LE(10, i);
    await writeFile(small, bytes);
    await refused(small, /too many bytes|not enough bytes|invalid/i);
  });

  test("YAML with recursive aliases", async () => {
    const bomb = `a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\ndata: *b\n`;
    const path = await zipOf({ ...dump("c1", "c2", 1), [`d/cilium-configmap-${at}.yaml`]: bomb });
    await refused(path, /cilium-configmap\.yaml: .*cannot be parsed: Alias resolution is disabled/);
  });
});
