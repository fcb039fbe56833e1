import { expect, test } from "vitest";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import {
  east,
  healthy,
  labelsOf,
  listed,
  pod,
  sends,
  sendsInMaps,
  service,
  west,
} from "./example-clusters.ts";
import { ok } from "./healthy-mesh.ts";
import { diagnose } from "./index.ts";

/** The healthy mesh with parts of one cluster changed. */
function broken(which: "east" | "west", over: Partial<ClusterSnapshot>): MeshSnapshot {
  return { clusters: healthy.clusters.map((c) => (c.name === which ? { ...c, ...over } : c)) };
}

/** East's agent sends clients of app/echo to `ips`; its BPF maps hold `maps`. */
const sending = (ips: readonly string[], maps: ReadonlyMap<string, string[]>): MeshSnapshot =>
  broken("east", { agents: [{ ...east.agents[0], services: ok([sends(ips)]), lbMaps: ok(maps) }] });

/** The mesh with other backends and ipcaches in all agents. */
const holding = (
  { clusters }: MeshSnapshot,
  ipsOf: (cluster: string) => readonly string[],
  mappedToo: (cidr: string) => boolean = () => true,
): MeshSnapshot => ({
  clusters: clusters.map((c) => ({
    ...c,
    agents: c.agents.map((a) => ({
      ...a,
      services: ok([sends(ipsOf(c.name))]),
      lbMaps: ok(sendsInMaps(ipsOf(c.name))),
      ipcache: a.ipcache.ok ? ok(a.ipcache.value.filter((e) => mappedToo(e.cidr))) : a.ipcache,
    })),
  })),
});

/** Without its pod of app/echo. */
const [, ...otherPods] = west.pods.ok ? west.pods.value : [];
const [, ...otherEndpoints] = west.ciliumEndpoints.ok ? west.ciliumEndpoints.value : [];

test("nothing is found on a healthy mesh", () => {
  expect(diagnose(healthy, [])).toEqual([]);
});

test.each<[string, MeshSnapshot, string, RegExp]>([
  [
    "a frozen node",
    broken("west", { containers: ok([{ name: "west-worker", state: "paused" }]) }),
    "nodes",
    /west-worker is paused/,
  ],
  [
    "a firewall rule on a node",
    broken("east", {
      nodeStates: [
        {
          node: "east-worker",
          stopped: [],
          rules: ok([{ podIp: "", text: "PREROUTING -p udp -m udp --dport 8472 -j DROP", packets: 7 }]),
        },
      ],
    }),
    "underlay",
    /node east-worker of east drops or refuses UDP 8472 \(VXLAN.*7 packets/,
  ],
  [
    "a firewall rule in a pod",
    broken("west", {
      nodeStates: [
        {
          node: "west-worker",
          stopped: [],
          rules: ok([{ podIp: "10.2.0.5", text: "INPUT -p tcp --dport 8080 -j DROP", packets: 1 }]),
        },
      ],
    }),
    "underlay",
    /pod west\/app\/echo-west drops/,
  ],
  [
    "a stopped agent",
    broken("west", {
      nodeStates: [{ node: "west-worker", rules: ok([]), stopped: ["cilium-agent --config-dir=/tmp"] }],
    }),
    "control plane",
    /cilium-agent on node west-worker is stopped/,
  ],
  [
    "no clustermesh-apiserver",
    broken("west", {
      workloads: ok([
        { kind: "Deployment", namespace: "kube-system", name: "clustermesh-apiserver", desired: 0, ready: 0 },
      ]),
    }),
    "control plane",
    /clustermesh-apiserver of west is scaled to zero/,
  ],
  [
    "etcd that crashes: it is named, not the neighbours that become unready with it",
    broken("west", {
      pods: ok([
        pod({
          namespace: "kube-system",
          name: "clustermesh-apiserver-6d5f-abcde",
          node: "west-worker",
          containers: [
            { name: "apiserver", ready: false, restarts: 1, trouble: "" },
            { name: "etcd", ready: false, restarts: 4, trouble: "CrashLoopBackOff" },
          ],
        }),
        ...(west.pods.ok ? west.pods.value.slice(0, 1) : []),
      ]),
    }),
    "control plane",
    /container etcd .* CrashLoopBackOff/,
  ],
  [
    "a cluster id that its identities do not carry",
    broken("west", { config: ok({ "cluster-name": "west", "cluster-id": "77", "routing-mode": "tunnel" }) }),
    "configuration",
    /west announces cluster id 77, .* cluster 2/,
  ],
  [
    "a peer that does not exist",
    broken("east", { peers: ok({ agents: { "west-x": [] }, kvstoreMesh: { west: [] } }) }),
    "configuration",
    /the agents of east are configured with a peer west-x/,
  ],
  [
    "pod CIDRs that overlap",
    broken("west", { ciliumNodes: ok([{ name: "west-worker", podCidrs: ["10.1.0.0/24"] }]) }),
    "configuration",
    /10\.1\.0\.0\/24 of east\/east-worker and 10\.1\.0\.0\/24 of west\/west-worker overlap/,
  ],
  [
    "a CA that the peer does not have",
    broken("east", {
      kvstoreMeshTrouble: ok([
        {
          peer: "west",
          step: "Cannot establish TLS connection to x: tls: failed to verify certificate: x509: certificate signed by unknown authority",
        },
      ]),
    }),
    "connections",
    /KVStoreMesh of east cannot reach west: Cannot establish TLS/,
  ],
  [
    "an endpoint without a pod",
    broken("west", {
      ciliumEndpoints: ok([
        ...(west.ciliumEndpoints.ok ? west.ciliumEndpoints.value : []),
        { namespace: "app", name: "ghost", ip: "10.2.255.254", identity: 131372 },
      ]),
    }),
    "expected state",
    /the API server of west holds CiliumEndpoint app\/ghost \(10\.2\.255\.254\), which nothing of west has/,
  ],
  [
    "an ipcache entry that is missing",
    broken("east", { agents: [{ ...east.agents[0], ipcache: ok([]) }] }),
    "expected state",
    /ipcache of east\/east-worker lacks address 10\.1\.0\.5 \(pod app\/echo-east of east\)/,
  ],
  [
    "a backend that agents of the other cluster still have",
    sending(["10.1.0.5", "10.2.0.5", "10.2.0.99"], sendsInMaps(["10.1.0.5", "10.2.0.5", "10.2.0.99"])),
    "expected state",
    /agent of east\/east-worker holds backend 10\.2\.0\.99:80 of 10\.11\.0\.9:80\/TCP \(service app\/echo\)/,
  ],
  [
    "a frontend that the BPF maps lack altogether",
    sending(["10.1.0.5", "10.2.0.5"], new Map()),
    "expected state",
    /BPF service map of east\/east-worker lacks backend 10\.1\.0\.5:80 .*service app\/echo/,
  ],
  [
    "a controller that fails repeatedly",
    broken("east", {
      agents: [
        {
          ...east.agents[0],
          controllers: ok([{ name: "remote-etcd-west-cluster-config", failures: 10, message: "not found" }]),
        },
      ],
    }),
    "controllers",
    /controller remote-etcd-west-cluster-config of east\/east-worker failed 10 times in a row: not found/,
  ],
  [
    "a backend that no pod has",
    broken("west", {
      endpoints: ok([
        ...(west.endpoints.ok ? west.endpoints.value : []),
        { namespace: "app", service: "echo", ip: "10.2.255.254", ready: true },
      ]),
    }),
    "services",
    /backend 10\.2\.255\.254 of service app\/echo in west belongs to no pod/,
  ],
  [
    "backends that are not ready",
    broken("west", {
      pods: ok([pod({ name: "echo-west", ip: "10.2.0.5", ready: false }), ...otherPods]),
      endpoints: ok([{ namespace: "app", service: "echo", ip: "10.2.0.5", ready: false }]),
    }),
    "services",
    /none of its 1 pods is ready \(echo-west\)/,
  ],
  [
    "backends scaled to zero",
    holding(
      broken("west", {
        pods: ok(otherPods),
        endpoints: ok([]),
        slices: ok([]),
        ciliumEndpoints: ok(otherEndpoints),
        workloads: ok([{ kind: "Deployment", namespace: "app", name: "echo", desired: 0, ready: 0 }]),
      }),
      () => ["10.1.0.5"],
      (cidr) => cidr !== "10.2.0.5/32",
    ),
    "services",
    /no backend in west: Deployment echo is scaled to zero/,
  ],
  [
    "a service that is global on one side only",
    holding(broken("west", { services: ok([service({ annotations: {} })]) }), (name) => [
      name === "east" ? "10.1.0.5" : "10.2.0.5",
    ]),
    "services",
    /global in other clusters but not in west/,
  ],
  [
    "a policy that denies everything",
    broken("west", {
      policies: ok([
        {
          namespace: "app",
          name: "deny",
          spec: { endpointSelector: {}, ingressDeny: [{ fromEntities: ["all"] }] },
        },
      ]),
    }),
    "policies",
    /app\/deny of west denies all ingress/,
  ],
])("%s comes first", (_, mesh, layer, message) => {
  const [first] = diagnose(mesh, []);
  expect(first).toMatchObject({ layer, message: expect.stringMatching(message) });
  expect(first?.next).toMatch(/./);
});

test("a node that an agent does not list, and one that no cluster has, are reported separately", () => {
  const agent = west.agents[0];
  const mesh = broken("west", {
    agents: [{ ...agent, nodeList: ok([listed("west", 2), { ...listed("east", 1), name: "east/gone" }]) }],
  });
  expect(diagnose(mesh, []).map((f) => f.message)).toEqual([
    "the agent of west/west-worker lacks node east/east-worker, which CiliumNode east-worker of east has",
    "the agent of west/west-worker holds node east/gone, which nothing of east has",
  ]);
});

test("a connection that the log reports as lost counts, even if the status still says ready", () => {
  const agent = west.agents[0];
  const text = "Unable to establish etcd connection to remote cluster: context deadline exceeded";
  const mesh = broken("west", { agents: [{ ...agent, words: ok([{ peer: "east", good: false, text }]) }] });
  expect(diagnose(mesh, [])[0]?.message).toBe(
    `the agent of west/west-worker last logged about east: ${text}`,
  );
});

test("an identity of the other cluster that an agent does not know is named", () => {
  const agent = west.agents[0];
  const mesh = broken("west", {
    agents: [{ ...agent, identities: ok([{ id: 2 * 65536 + 300, labels: labelsOf("west") }]) }],
  });
  expect(diagnose(mesh, [])[0]?.message).toBe(
    "the agent of west/west-worker lacks identity 65836, which CiliumIdentity 65836 of east has",
  );
});

test("a peer whose data was not supplied is not reported as a mistake of the cluster that names it", () => {
  const found = diagnose({ clusters: [east] }, []);
  expect(found.map((f) => [f.severity, f.message])).toEqual([
    ["unread", "west is a peer of east, and its data was not supplied: its side is not judged"],
  ]);
});

test("unread data is not reported as healthy", () => {
  const [first] = diagnose({ clusters: [{ ...east, pods: { ok: false, why: "timed out" } }, west] }, []);
  expect(first).toMatchObject({ layer: "evidence", severity: "unread" });
  expect(first?.message).toContain("pods of east could not be read: timed out");
});
