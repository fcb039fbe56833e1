import { describe, expect, test } from "vitest";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import {
  apiserverPod,
  causesOf,
  east,
  meshWith,
  ok,
  remote,
  service,
  west,
  withSettings,
} from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const ip = "172.18.255.200";
/** West's service, which admits some ranges. */
const admitting = (
  sourceRanges: readonly string[],
  over: Partial<ServiceState> = {},
): Partial<ClusterSnapshot> => ({
  services: ok([
    service({}),
    service({
      ...{ namespace: "kube-system", name: "clustermesh-apiserver", type: "LoadBalancer", annotations: {} },
      ...{ selector: { "k8s-app": "clustermesh-apiserver" }, loadBalancerIp: ip },
      ...{ addresses: ["10.11.0.9", ip], outerPorts: [32379, 2379] },
      ports: [{ name: "", protocol: "TCP", port: 2379 }],
      balancer: { sourceRanges: [...sourceRanges] },
      ...over,
    }),
  ]),
});
const contacting = (
  ready: boolean,
  { step = "i/o timeout", at = `${ip}:2379` } = {},
): Partial<ClusterSnapshot> => ({
  peers: ok({
    agents: { west: ["https://clustermesh-apiserver.kube-system.svc:2379"] },
    kvstoreMesh: { west: [`https://${at}`, "west"] },
  }),
  kvstoreMesh: ok([remote("west", 2, ready)]),
  kvstoreMeshTrouble: ok(
    ready
      ? []
      : [
          {
            peer: "west",
            step: `Cannot establish TCP connection to west.mesh.cilium.io: dial tcp ${at}: ${step}`,
          },
        ],
  ),
});
const found = (of: Partial<ClusterSnapshot>, by: Partial<ClusterSnapshot> = contacting(false)): Finding[] =>
  causesOf(meshWith(by, of)).filter((f) => f.id === "apiserver-source-ranges");
const severities = (of: Partial<ClusterSnapshot>, by?: Partial<ClusterSnapshot>): string[] =>
  found(of, by).map((f) => f.severity);

describe("ranges that leave out a peer", () => {
  test("are named first: its pods come from the addresses of their nodes", () => {
    const [first] = causesOf(meshWith(contacting(false), admitting(["10.1.0.0/16", "192.0.2.0/24"])));
    expect(first).toMatchObject({
      id: "apiserver-source-ranges",
      severity: "broken",
      cluster: "west",
      message: `loadBalancerSourceRanges of service kube-system/clustermesh-apiserver of west admit only 10.1.0.0/16, 192.0.2.0/24, and KVStoreMesh of east comes from 172.18.0.1 (addresses of its nodes, because east masquerades what its pods send there): it is dropped at ${ip}:2379 without an answer, and KVStoreMesh is not connected`,
    });
    const commands = first === undefined ? [] : remedyCommands(first, ["east", "west"]);
    expect(commands.map((c) => c.text)).toEqual([
      `kubectl -n kube-system patch service/clustermesh-apiserver --type merge -p '{"spec":{"loadBalancerSourceRanges":["10.1.0.0/16","192.0.2.0/24","172.18.0.1/32"]}}'`,
    ]);
  });

  test("leave the connection that fails as their effect", () => {
    const all = causesOf(meshWith(contacting(false), admitting(["10.1.0.0/16"])));
    expect(all.find((f) => f.id === "peer-unreachable")?.next).toBe(
      "correct loadBalancerSourceRanges of clustermesh-apiserver of west first",
    );
  });

  test("with pods that are not masqueraded, their addresses count; with ip-masq-agent either may", () => {
    const kept = {
      ...contacting(false),
      config: withSettings(east, { "enable-ipv4-masquerade": "false" }).config,
    };
    expect(severities(admitting(["10.1.0.0/16"]), kept)).toEqual([]);
    expect(severities(admitting(["172.18.0.0/16"]), kept)).toEqual(["broken"]);
    const native = {
      ...contacting(false),
      config: withSettings(east, { "ipv4-native-routing-cidr": "172.16.0.0/12" }).config,
    };
    expect(severities(admitting(["172.18.0.0/16"]), native)).toEqual(["broken"]);
    const listed = {
      ...contacting(false),
      config: withSettings(east, { "enable-ip-masq-agent": "true" }).config,
    };
    expect(severities(admitting(["10.1.0.0/16"]), listed)).toEqual([]);
    expect(severities(admitting(["192.0.2.0/24"]), listed)).toEqual(["suspect"]);
  });

  test("only the node that KVStoreMesh runs on counts while it is not connected", () => {
    const nodes = ok([
      ...(east.nodes.ok ? east.nodes.value : []),
      { name: "node-1b", address: "172.18.0.11", podCidr: "10.1.1.0/24", ready: true },
    ]);
    const pods = ok([apiserverPod(1, { node: "node-1b" })]);
    const of = admitting(["172.18.0.1/32"]);
    expect(severities(of, { ...contacting(false), nodes, pods })).toEqual(["broken"]);
    expect(severities(of, { ...contacting(true), nodes, pods })).toEqual([]);
  });

  test("the annotation `deny` turns them round", () => {
    const annotations = { "service.cilium.io/src-ranges-policy": "Deny" };
    expect(severities(admitting(["10.1.0.0/16"], { annotations }))).toEqual([]);
    expect(found(admitting(["172.18.0.0/16", "192.0.2.0/24"], { annotations }))).toMatchObject([
      {
        severity: "broken",
        message: expect.stringContaining("deny 172.18.0.0/16"),
        next: expect.stringContaining('"loadBalancerSourceRanges":["192.0.2.0/24"]'),
      },
    ]);
  });
});

describe("no finding, or a suspect one", () => {
  const of = admitting(["10.1.0.0/16"]);

  test("where the peer's address is admitted, or ranges are none", () => {
    expect(severities(admitting(["10.1.0.0/16", "172.18.0.0/16"]))).toEqual([]);
    expect(severities(admitting(["0.0.0.0/0"]))).toEqual([]);
    expect(severities(admitting(["not a range"]))).toEqual([]);
  });

  test("at a node port, for which they do not hold by default", () => {
    const at = { at: "172.18.0.2:32379" };
    expect(severities(of, contacting(false, at))).toEqual([]);
    const { config } = withSettings(west, { "bpf-lb-source-range-all-types": "true" });
    expect(severities({ ...of, config }, contacting(false, at))).toEqual(["broken"]);
  });

  test("where something answers, the peer is connected, or addresses are translated in between", () => {
    expect(severities(of, contacting(false, { step: "connection refused" }))).toEqual([]);
    // A new connection works; where that was not read, the old one shows nothing.
    expect(severities(of, contacting(true))).toEqual([]);
    const unread = { ...contacting(true), kvstoreMeshTrouble: { ok: false as const, why: "not collected" } };
    expect(severities(of, unread)).toEqual(["suspect"]);
    const silent = { ...contacting(false), kvstoreMesh: ok([remote("west", 2, true)]) };
    expect(severities(of, silent)).toEqual(["broken"]);
    const open = { loadBalancerIp: "203.0.113.7", addresses: ["10.11.0.9", "203.0.113.7"] };
    expect(
      severities(admitting(["198.51.100.4/32"], open), contacting(false, { at: "203.0.113.7:2379" })),
    ).toEqual([]);
  });
});
