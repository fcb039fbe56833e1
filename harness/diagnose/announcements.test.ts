import { describe, expect, test } from "vitest";
import type { Announcements, BgpAdvert, L2Policy, NodeDevice } from "#harness/model/announcements.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { causesOf, east, meshWith, ok, remote, service, west, withSettings } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const ip = "172.18.255.200";
const apiserver = (over: Partial<ServiceState> = {}): ServiceState =>
  service({
    ...{ namespace: "kube-system", name: "clustermesh-apiserver", type: "LoadBalancer", annotations: {} },
    ...{ selector: { "k8s-app": "clustermesh-apiserver" }, labels: { "k8s-app": "clustermesh-apiserver" } },
    ...{ loadBalancerIp: ip, addresses: ["10.11.0.9", ip], outerPorts: [32379, 2379] },
    ports: [{ name: "", protocol: "TCP", port: 2379 }],
    balancer: { isFromCilium: true },
    ...over,
  });
const policy = (over: Partial<L2Policy> = {}): L2Policy => ({
  ...{ name: "mesh", interfaces: ["^enp[0-9]+s[0-9]+$"], loadBalancerIps: true },
  serviceSelector: { matchLabels: { "k8s-app": "clustermesh-apiserver" } },
  ...over,
});
const lease = (holder: string): Pick<Announcements, "leases"> => ({
  leases: [
    { namespace: "kube-system", name: "cilium-l2announce-kube-system-clustermesh-apiserver", holder },
    { namespace: "kube-system", name: "cilium-operator-resource-lock", holder: "o" },
  ],
});
const inside = (node: string, devices: readonly NodeDevice[]) => ({
  ...{ node, rules: ok([]), stopped: [] },
  neighbours: ok({ permanent: [], own: [], devices: [...devices] }),
});
const eth0: NodeDevice = { name: "eth0", ips: ["172.18.0.2"] };

/** West announces its address, or not. */
const announcing = (
  announcements: Announcements,
  { devices = [eth0], ...over }: Partial<ClusterSnapshot> & { readonly devices?: readonly NodeDevice[] } = {},
): Partial<ClusterSnapshot> => ({
  config: withSettings(west, { "enable-l2-announcements": "true" }).config,
  services: ok([service({}), apiserver()]),
  announcements: ok(announcements),
  nodeStates: [inside("node-2", devices)],
  ...over,
});
/** East contacts that address. */
const contacting = (ready: boolean, step = "connect: no route to host"): Partial<ClusterSnapshot> => ({
  peers: ok({
    agents: { west: ["https://clustermesh-apiserver.kube-system.svc:2379"] },
    kvstoreMesh: { west: [`https://${ip}:2379`] },
  }),
  kvstoreMesh: ok([remote("west", 2, ready)]),
  kvstoreMeshTrouble: ok(
    ready
      ? []
      : [
          {
            peer: "west",
            step: `Cannot establish TCP connection to west.mesh.cilium.io: dial tcp ${ip}:2379: ${step}`,
          },
        ],
  ),
});
const found = (of: Partial<ClusterSnapshot>, by = contacting(false)): Finding[] =>
  causesOf(meshWith(by, of)).filter((f) => f.id === "apiserver-not-announced");

describe("interfaces of a CiliumL2AnnouncementPolicy", () => {
  test("that no device of the elected node has are named first, with the patch", () => {
    const [first] = causesOf(
      meshWith(contacting(false), announcing({ policies: [policy()], ...lease("node-2") })),
    );
    expect(first).toMatchObject({
      id: "apiserver-not-announced",
      severity: "broken",
      cluster: "west",
      message: `no node announces ${ip}, the address of service kube-system/clustermesh-apiserver of west: CiliumL2AnnouncementPolicy mesh names the interfaces ^enp[0-9]+s[0-9]+$, and node-2, which holds the lease, announces nothing (node-2 has eth0); KVStoreMesh of east contacts west there, and KVStoreMesh is not connected`,
    });
    const commands = first === undefined ? [] : remedyCommands(first, ["east", "west"]);
    expect(commands.map((c) => c.text)).toEqual([
      `kubectl patch ciliuml2announcementpolicy/mesh --type merge -p '{"spec":{"interfaces":["^eth0$"]}}'`,
    ]);
  });

  test("that match a device, that cannot be judged, or nodes whose devices are not known, are no finding", () => {
    const of = (interfaces: readonly string[]) =>
      announcing({ policies: [policy({ interfaces: [...interfaces] })], ...lease("node-2") });
    expect(found(of(["^ens", "^eth[0-9]+$"]))).toEqual([]);
    expect(found(of([]))).toEqual([]);
    expect(found(of(["^[[:alpha:]]+0$"]))).toEqual([]);
    expect(found(of(["("]))).toEqual([]);
    expect(found(announcing({ policies: [policy()], ...lease("node-2") }, { nodeStates: [] }))).toEqual([]);
  });

  test("of several policies one that matches is enough; devices that Cilium does not use do not count", () => {
    const policies = [policy(), policy({ name: "other", interfaces: ["eth0"] })];
    expect(found(announcing({ policies, ...lease("node-2") }))).toEqual([]);
    const config = withSettings(west, { "enable-l2-announcements": "true", devices: "ens+" }).config;
    expect(found(announcing({ policies, ...lease("node-2") }, { config }))).toMatchObject([
      { severity: "broken" },
    ]);
  });
});

describe("without a node that announces the address", () => {
  const messages = (of: Partial<ClusterSnapshot>): string[] => found(of).map((f) => f.message);

  test("no policy selects the service, or only without loadBalancerIPs", () => {
    const other = policy({ serviceSelector: { matchLabels: { app: "shop" } } });
    expect(messages(announcing({ policies: [other] }))).toEqual([
      expect.stringContaining("no CiliumL2AnnouncementPolicy selects the service"),
    ]);
    expect(messages(announcing({ policies: [policy({ loadBalancerIps: false })] }))).toEqual([
      expect.stringContaining("its loadBalancerIPs is not true"),
    ]);
  });

  test("no node is selected, L2 announcements are off, or nobody holds the lease", () => {
    const nodes = ok((west.nodes.ok ? west.nodes.value : []).map((n) => ({ ...n, labels: { role: "a" } })));
    const nodeSelector = { matchLabels: { role: "b" } };
    expect(messages(announcing({ policies: [policy({ nodeSelector })] }, { nodes }))).toEqual([
      expect.stringContaining("selects no node of west"),
    ]);
    expect(messages(announcing({ policies: [policy()] }, { config: west.config }))).toEqual([
      expect.stringContaining("enable-l2-announcements is off"),
    ]);
    const open = policy({ interfaces: [] });
    expect(messages(announcing({ policies: [open], ...lease("") }))).toEqual([
      expect.stringContaining("no node holds the lease"),
    ]);
    expect(messages(announcing({ policies: [open] }))).toEqual([]);
  });

  test("an address that something else announces, or may, is no finding", () => {
    const with_ = (over: Partial<ServiceState>) => ({ services: ok([service({}), apiserver(over)]) });
    expect(
      found(
        announcing({ policies: [] }, with_({ balancer: { className: "kube-vip.io/x", isFromCilium: true } })),
      ),
    ).toEqual([]);
    const given = apiserver();
    const { balancer: _given, ...byHand } = given;
    expect(found(announcing({ policies: [] }, { services: ok([byHand]) }))).toEqual([]);
    const bgp = withSettings(west, { "enable-l2-announcements": "true", "enable-bgp-control-plane": "true" });
    expect(found(announcing({ policies: [] }, { config: bgp.config }))).toEqual([]);
  });
});

test("is suspect where the peer is connected, and nothing where something answers or nobody asks there", () => {
  const of = announcing({ policies: [policy()], ...lease("node-2") });
  expect(found(of, contacting(true)).map((f) => f.severity)).toEqual(["suspect"]);
  // The old connection stands, and a new one gets no answer.
  const silent = { ...contacting(false), kvstoreMesh: ok([remote("west", 2, true)]) };
  expect(found(of, silent)).toMatchObject([
    { severity: "broken", message: expect.stringContaining("a new connection gets no answer") },
  ]);
  expect(found(of, contacting(false, "connect: connection refused"))).toEqual([]);
  expect(found(of, { kvstoreMesh: east.kvstoreMesh })).toEqual([]);
});

describe("where the BGP control plane announces", () => {
  const advert = (over: Partial<BgpAdvert> = {}): BgpAdvert => ({
    ...{ title: "CiliumBGPAdvertisement services", selector: { matchLabels: { bgp: "advertise" } } },
    loadBalancerIps: true,
    ...over,
  });
  const byBgp = (
    bgp: readonly BgpAdvert[] | undefined,
    { settings = {}, policies }: { settings?: Record<string, string>; policies?: L2Policy[] } = {},
  ): Partial<ClusterSnapshot> =>
    announcing(
      { ...(bgp === undefined ? {} : { bgp: [...bgp] }), ...(policies === undefined ? {} : { policies }) },
      { config: withSettings(west, { "enable-bgp-control-plane": "true", ...settings }).config },
    );

  test("a service that no advertisement selects is named, with the label that it lacks", () => {
    const [first] = found(byBgp([advert()]));
    expect(first).toMatchObject({ severity: "broken", cluster: "west" });
    expect(first?.message).toContain(
      "no CiliumBGPAdvertisement or CiliumBGPPeeringPolicy selects the service (CiliumBGPAdvertisement services)",
    );
    const commands = first === undefined ? [] : remedyCommands(first, ["east", "west"]);
    expect(commands.map((c) => c.text)).toEqual([
      "kubectl -n kube-system label --overwrite service/clustermesh-apiserver bgp=advertise",
    ]);
    expect(found(byBgp([]))[0]?.next).toContain("create a CiliumBGPAdvertisement");
    const ofClusterIps = advert({
      selector: { matchLabels: { "k8s-app": "clustermesh-apiserver" } },
      loadBalancerIps: false,
    });
    expect(found(byBgp([ofClusterIps]))[0]?.message).toContain("lack LoadBalancerIP");
  });

  test("one that is selected, or may be, or that L2 announces, is no finding", () => {
    const own = { matchLabels: { "k8s-app": "clustermesh-apiserver" } };
    expect(found(byBgp([advert(), advert({ selector: own })]))).toEqual([]);
    expect(found(byBgp(undefined, { policies: [] }))).toEqual([]);
    const settings = { "enable-l2-announcements": "true" };
    expect(found(byBgp([advert()], { settings, policies: [policy()] }))).toEqual([]);
    expect(found(byBgp([advert()], { settings }))).toEqual([]);
  });
});
