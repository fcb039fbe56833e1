import { crc32, deflateRawSync } from "node:zlib";
import { stringify as toYaml } from "yaml";

// Archives for tests, written by hand because no library writes damaged or hostile ones.

/** An entry of an archive; by default a file whose header is true. */
export interface ExampleEntry {
  readonly name: string;
  readonly content: Buffer;
  readonly type?: "link" | "device";
  /** The size that the header declares. */
  readonly declared?: number;
  /** The content is deflated already, and this is its size. */
  readonly deflated?: number;
}

export const entriesOf = (files: Readonly<Record<string, string>>): ExampleEntry[] =>
  Object.entries(files).map(([name, text]) => ({ name, content: Buffer.from(text) }));

const modes = { file: 0o100644, link: 0o120777, device: 0o020644 } as const;

export function zipOf(entries: readonly ExampleEntry[]): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, type, declared, deflated } of entries) {
    const path = Buffer.from(name);
    const packed = deflated === undefined ? deflateRawSync(content, { level: 1 }) : content;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    // Version 2.0, names in UTF-8, deflated.
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(0x800, 6);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(deflated === undefined ? crc32(content) : 0, 14);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(declared ?? deflated ?? content.length, 22);
    local.writeUInt16LE(path.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(0x0314, 4);
    local.copy(central, 6, 4, 30);
    central.writeUInt32LE((modes[type ?? "file"] << 16) >>> 0, 38);
    central.writeUInt32LE(offset, 42);
    bodies.push(local, path, packed);
    directory.push(central, path);
    offset += local.length + path.length + packed.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, listed, end]);
}

export function tarHeader(name: string, size: number, type: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write("0000644\0", 100);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("        ", 148);
  header.write(type, 156);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, b) => total + b, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

const padded = (content: Buffer): Buffer =>
  Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);

export function tarOf(entries: readonly ExampleEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, content, type, declared }) => {
    const path = Buffer.from(`${name}\0`);
    const long = path.length <= 100 ? [] : [tarHeader("././@LongLink", path.length, "L"), padded(path)];
    const kind = type === "link" ? "2" : type === "device" ? "3" : "0";
    const body = type === undefined ? content : Buffer.alloc(0);
    return [...long, tarHeader(name, declared ?? body.length, kind), padded(body)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export interface ExampleOptions {
  readonly cluster?: string;
  /** The agent's tool in the names of bugtool's files: `cilium` before 1.15. */
  readonly tool?: "cilium" | "cilium-dbg";
  readonly namespace?: string;
  readonly nodes?: number;
}

export const exampleTime = "20261121-095906";
/** Node to agent: `n1` to `cilium-aaaaa`, `n2` to `cilium-bbbbb`, ... `n27` to `cilium-aaaa2`. */
const agentsOf = (nodes: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: nodes }, (_, i) => {
      const letter = String.fromCharCode(97 + (i % 26));
      const round = Math.floor(i / 26);
      return [`n${i + 1}`, `cilium-${letter.repeat(4)}${round === 0 ? letter : round + 1}`];
    }),
  );
const list = (items: readonly object[]): string => toYaml({ apiVersion: "v1", items, kind: "List" });

/** A healthy cluster without peers, as the Cilium CLI writes it; by default with two nodes. */
export function exampleDump(options: ExampleOptions = {}): Record<string, string> {
  const { cluster = "c1", tool = "cilium-dbg", namespace = "kube-system" } = options;
  const agents = agentsOf(options.nodes ?? 2);
  const nodes = Object.keys(agents);
  const address = (node: string): string => `172.19.0.${node.slice(1)}`;
  const named = (name: string): object => ({ name, namespace });
  const objects = {
    "k8s-nodes": nodes.map((name) => ({
      metadata: { name },
      spec: { podCIDR: `10.1.${name.slice(1)}.0/24` },
      status: {
        addresses: [{ type: "InternalIP", address: address(name) }],
        conditions: [{ type: "Ready", status: "True" }],
      },
    })),
    "k8s-pods": Object.entries(agents).map(([node, name]) => ({
      metadata: { name, namespace, labels: { "k8s-app": "cilium" } },
      spec: {
        nodeName: node,
        hostNetwork: true,
        containers: [{ name: "cilium-agent", image: "quay.io/cilium/cilium:v1.20.2" }],
      },
      status: {
        phase: "Running",
        podIP: address(node),
        conditions: [{ type: "Ready", status: "True" }],
        containerStatuses: [{ name: "cilium-agent", ready: true, restartCount: 0 }],
      },
    })),
    "k8s-services": [],
    "k8s-endpointslices": [],
    "k8s-namespaces": [{ metadata: { name: "kube-system", uid: `uid-of-${cluster}` } }],
    "k8s-networkpolicies": [],
    "k8s-events": [],
    ciliumnodes: nodes.map((name) => ({
      metadata: { name },
      spec: {
        addresses: [{ type: "InternalIP", ip: address(name) }],
        health: { ipv4: `10.1.${name.slice(1)}.9` },
        ipam: { podCIDRs: [`10.1.${name.slice(1)}.0/24`] },
      },
    })),
    ciliumendpoints: [],
    ciliumidentities: [],
    ciliumnetworkpolicies: [],
    ciliumclusterwidenetworkpolicies: [],
    "cilium-daemonset": [
      {
        metadata: named("cilium"),
        status: { desiredNumberScheduled: nodes.length, numberReady: nodes.length },
      },
    ],
  };
  const file = (name: string, extension: string): string => `d/${name}-${exampleTime}.${extension}`;
  return {
    [file("cilium-configmap", "yaml")]: toYaml({
      apiVersion: "v1",
      data: { "cluster-name": cluster, "cluster-id": "1" },
      kind: "ConfigMap",
      metadata: named("cilium-config"),
    }),
    [file("cilium-helm-values", "yaml")]: toYaml({ cluster: { name: cluster, id: 1 } }),
    [file("cilium-operator-deployment", "yaml")]: toYaml({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: named("cilium-operator"),
      spec: { replicas: 1 },
      status: { readyReplicas: 1 },
    }),
    ...Object.fromEntries(Object.entries(objects).map(([name, items]) => [file(name, "yaml"), list(items)])),
    ...Object.fromEntries(
      Object.entries(agents).flatMap(([node, pod]) => [
        [file(`logs-${pod}-cilium-agent`, "log"), "level=info msg=started\n"],
        ...Object.entries(bugtoolFiles({ cluster, nodes, node, tool })).map(([name, text]) => [
          `d/cilium-bugtool-${pod}-${exampleTime}/cmd/${name}`,
          text,
        ]),
      ]),
    ),
  };
}

/** What bugtool writes for one agent of the example. */
function bugtoolFiles(of: {
  readonly cluster: string;
  readonly nodes: readonly string[];
  readonly node: string;
  readonly tool: string;
}): Record<string, string> {
  const { cluster, nodes, node, tool } = of;
  const address = (name: string): string => `172.19.0.${name.slice(1)}`;
  const reached = (ip: string): object => ({ "primary-address": { ip, icmp: {}, http: {} } });
  return {
    [`${tool}-config--a.md`]: `ClusterID                : 1\nClusterName              : ${cluster}\nK8sNamespace             : kube-system\n`,
    [`${tool}-status---verbose.md`]: [
      "KVStore:                Disabled   ",
      "Cilium:                 Ok   1.20.2",
      "ClusterMesh:            0/0 remote clusters ready",
      "Controller Status:      1/1 healthy",
      "  Name               Last success   Last error   Count   Message",
      "  cilium-health-ep   28s ago        never        0       no error   ",
      "",
    ].join("\n"),
    [`${tool}-node-list--o-json.md`]: JSON.stringify(
      nodes.map((name) => ({
        name: `${cluster}/${name}`,
        "health-endpoint-address": { ipv4: { ip: `10.1.${name.slice(1)}.9` } },
        "primary-address": { ipv4: { ip: address(name), "alloc-range": `10.1.${name.slice(1)}.0/24` } },
      })),
    ),
    "cilium-health-status--o-json.md": JSON.stringify({
      local: { name: `${cluster}/${node}` },
      nodes: nodes.map((name) => ({
        name: `${cluster}/${name}`,
        host: reached(address(name)),
        "health-endpoint": reached(`10.1.${name.slice(1)}.9`),
      })),
      timestamp: "2026-11-21T09:59:00Z",
    }),
    [`${tool}-service-list--o-json.md`]: "[]",
    [`${tool}-bpf-lb-list.md`]: "SERVICE ADDRESS   BACKEND ADDRESS (REVNAT_ID) (SLOT)\n",
    [`${tool}-identity-list.md`]: "ID       LABELS\n1        reserved:host\n",
    [`${tool}-bpf-ipcache-list.md`]: [
      "IP PREFIX/ADDRESS   IDENTITY",
      ...nodes.flatMap((name) => [
        `${address(name)}/32   identity=${name === node ? 1 : 6} encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>   `,
        `10.1.${name.slice(1)}.9/32   identity=4 encryptkey=0 tunnelendpoint=${name === node ? "0.0.0.0" : address(name)} flags=<none>   `,
      ]),
      "",
    ].join("\n"),
    "iptables-save--c.md": "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n",
    "hostname.md": `${node}\n`,
  };
}
