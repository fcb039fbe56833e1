import { describe, expect, test } from "vitest";
import type {
  AgentState,
  ClusterSnapshot,
  HeldCertificate,
  TunnelDevice,
} from "#harness/model/mesh-snapshot.ts";
import { causesOf, east, meshWith, ok, remote, service, west, withSettings } from "./healthy-mesh.ts";

/** A cluster with agents on these nodes. */
function withAgents(
  of: ClusterSnapshot,
  agents: Readonly<Record<string, Partial<AgentState>>>,
): ClusterSnapshot {
  const [one] = of.agents;
  if (one === undefined) throw new Error("the healthy cluster has an agent");
  return { ...of, agents: Object.entries(agents).map(([node, over]) => ({ ...one, node, ...over })) };
}

const device = (over: Partial<TunnelDevice> = {}): Partial<AgentState> => ({
  tunnels: ok([{ protocol: "vxlan", up: true, port: 8472, ...over }]),
});

describe("tunnel devices", () => {
  test("one that is down is the first cause, before the nodes that it cuts off", () => {
    const found = causesOf({ clusters: [east, withAgents(west, { a: device(), b: device({ up: false }) })] });
    expect(found).toMatchObject([
      {
        id: "tunnel-device-down",
        layer: "nodes",
        cluster: "west",
        message: expect.stringMatching(/^device cilium_vxlan of node b of west is down/),
        next: expect.stringContaining("ip link set dev cilium_vxlan up"),
      },
    ]);
  });
});

describe("settings of running agents", () => {
  const stored = { "tunnel-port": "8473" };
  const started = (over: Readonly<Record<string, string>>): Partial<AgentState> => ({
    startedWith: ok({ ...(west.config.ok ? west.config.value : {}), ...over }),
  });

  test.each([
    ["the copy of its start", started({}), started(stored)],
    ["an archive's tunnel devices", device(), device({ port: 8473 })],
  ])("some agents were not restarted after the ConfigMaps of both clusters changed: %s", (_, old, recent) => {
    const clusters = [
      withAgents(withSettings(east, stored), { c: old }),
      withAgents(withSettings(west, stored), { a: old, b: recent }),
    ];
    expect(causesOf({ clusters })).toMatchObject([
      {
        id: "agents-not-restarted",
        severity: "broken",
        cluster: "west",
        message: expect.stringMatching(
          /different tunnel-port: 8473 \(b of west\), 8472 \(c of east, a of west\); cilium-config says 8473 \(east, west\), and was changed after/,
        ),
        next: expect.stringMatching(/^restart the agents: .*daemonset\/cilium in east; .* in west/),
      },
    ]);
  });

  test("another protocol is named, and not the port that follows from it", () => {
    const geneve = { "tunnel-protocol": "geneve" };
    const clusters = [
      withAgents(withSettings(east, geneve), { c: device({ protocol: "geneve", port: 6081 }) }),
      withAgents(withSettings(west, geneve), { a: device() }),
    ];
    expect(causesOf({ clusters }).map((f) => f.subject)).toEqual(["tunnel-protocol of the agents of west"]);
  });

  test("agents that all agree work, until one of them starts again", () => {
    const clusters = [
      withAgents(withSettings(east, stored), { c: device() }),
      withAgents(withSettings(west, stored), { a: device(), b: device() }),
    ];
    expect(causesOf({ clusters })).toMatchObject([{ id: "agents-not-restarted", severity: "suspect" }]);
  });

  test("what agrees, what may be set for one node, and what is not known is no finding", () => {
    for (const agents of [
      { a: device(), b: started({}) },
      { a: started({}), b: started({ mtu: "1400", debug: "true" }) },
      { a: device({ protocol: "geneve", port: 6081 }), b: { tunnels: ok([]) }, c: {} },
    ] as const)
      expect(
        causesOf({
          clusters: [
            east,
            withAgents("c" in agents ? withSettings(west, { "routing-mode": "native" }) : west, agents),
          ],
        }).filter((f) => f.id === "agents-not-restarted"),
      ).toEqual([]);
  });
});

describe("users of etcd", () => {
  const client = (subject: string): HeldCertificate => ({
    place: "Secret clustermesh-apiserver-remote-cert",
    role: "client",
    reader: "kvstoreMesh",
    peer: "west",
    certificate: {
      subject,
      issuer: "CN=Cilium CA",
      serial: "1",
      notBefore: "2026-01-01T00:00:00Z",
      notAfter: "2027-01-01T00:00:00Z",
    },
  });
  const lost = { kvstoreMesh: ok([remote("west", 2, false)]) };
  const found = (subject: string, users: readonly string[], over: Partial<ClusterSnapshot> = lost) =>
    causesOf(
      meshWith({ certificates: ok([client(subject)]), ...over }, { meshUsers: ok([...users]) }),
    ).filter((f) => f.id === "certificate-user");

  test("a certificate whose CN is no user of the peer's etcd is named, with the names that are", () => {
    expect(found("O=x, CN=clustermesh-client-east", ["remote", "remote-east"])).toMatchObject([
      {
        layer: "connections",
        cluster: "east",
        message: expect.stringMatching(
          /has CN "clustermesh-client-east" \(Secret clustermesh-apiserver-remote-cert\), .* of west \(users for other clusters: remote, remote-east\): permission denied/,
        ),
        next: expect.stringMatching(/^issue the certificate with CN remote, or with CN remote-east where/),
      },
    ]);
    // The peer's authMode is legacy, or it does not list this cluster.
    expect(found("CN=remote-east", ["remote"])[0]?.next).toMatch(
      /^add east to clustermesh.config.clusters of west/,
    );
  });

  test("the certificate that troubleshoot prints counts where there are no Secrets", () => {
    const { certificate } = client("CN=other,O=x");
    const path = { peer: "west", endpoints: [], trusted: [], client: [certificate], presented: [] };
    const archive = { ...lost, certificates: ok([]), kvstoreMeshPaths: ok([path]) };
    expect(found("", ["remote"], archive)).toHaveLength(1);
  });

  test("users, connected clusters and other etcds are no finding", () => {
    const users = ["remote", "remote-east"];
    for (const cn of ["remote", "remote-east", "admin-west", "root"])
      expect(found(`CN=${cn}`, users)).toEqual([]);
    expect(found("CN=other", users, {})).toEqual([]);
    const kvstore = {
      ...withSettings(west, { "identity-allocation-mode": "kvstore" }),
      meshUsers: ok(users),
    };
    const mesh = { clusters: [{ ...east, ...lost, certificates: ok([client("CN=other")]) }, kvstore] };
    expect(causesOf(mesh).map((f) => f.id)).not.toContain("certificate-user");
  });
});

describe("an address that is a service's of the own cluster too", () => {
  const balanced = {
    agents: { west: ["https://own:2379"] },
    kvstoreMesh: { west: ["https://west.mesh:2379"] },
  };
  const path = {
    peer: "west",
    endpoints: [{ url: "https://west.mesh:2379", ips: ["172.18.255.7"] }],
    trusted: [],
    client: [],
    presented: [],
  };
  const ofEast = (over: Parameters<typeof service>[0], ready: boolean) =>
    causesOf(
      meshWith({
        peers: ok(balanced),
        kvstoreMesh: ok([remote("west", 2, ready)]),
        kvstoreMeshPaths: ok([path]),
        services: ok([
          service({
            namespace: "kube-system",
            annotations: {},
            addresses: ["10.11.0.9", "172.18.255.7"],
            ports: [{ name: "etcd", protocol: "TCP", port: 2379 }],
            ...over,
          }),
        ]),
      }),
    ).filter((f) => f.id === "peer-address-own");

  test("the own clustermesh-apiserver, though the cluster looks connected", () => {
    expect(ofEast({ name: "clustermesh-apiserver" }, true)).toMatchObject([
      {
        layer: "configuration",
        cluster: "east",
        message:
          "KVStoreMesh of east contacts west at 172.18.255.7, port 2379, which is an address of service kube-system/clustermesh-apiserver of east itself: KVStoreMesh reaches its own cluster",
        next: expect.stringMatching(/^give one of the two services another address/),
      },
    ]);
  });

  test("agents without KVStoreMesh, by the address to which the name resolves (hostAliases too)", () => {
    const [agent] = east.agents;
    const own = service({
      name: "clustermesh-apiserver",
      addresses: ["172.18.255.7"],
      ports: [{ name: "etcd", protocol: "TCP", port: 2379 }],
    });
    const direct = { agents: balanced.kvstoreMesh, kvstoreMesh: {} };
    const mesh = meshWith({
      peers: ok(direct),
      services: ok([own]),
      agents: agent === undefined ? [] : [{ ...agent, paths: ok([path]) }],
    });
    expect(causesOf(mesh).find((f) => f.id === "peer-address-own")?.message).toMatch(
      /^the agents of east contact west .*: the agents reach their own cluster$/,
    );
  });

  test("another service only where the peer is not reached, and not one that leads to it", () => {
    expect(ofEast({ name: "gateway" }, false)).toHaveLength(1);
    expect(ofEast({ name: "gateway" }, true)).toEqual([]);
    expect(ofEast({ name: "gateway", selector: {} }, false)).toEqual([]);
    expect(ofEast({ name: "gateway", ports: [{ name: "http", protocol: "TCP", port: 80 }] }, false)).toEqual(
      [],
    );
  });
});
