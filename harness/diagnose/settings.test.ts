import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { equalSettings } from "#harness/semantics/mesh-settings.ts";
import { causesOf, east, healthyMesh, meshWith, ok, west, withSettings } from "./healthy-mesh.ts";
import { settings } from "./settings.ts";

const against = (changed: ClusterSnapshot): readonly string[] =>
  settings({ clusters: [east, changed] }).map((f) => `${f.id}: ${f.message}`);

test("nothing is wrong in the healthy mesh", () => {
  expect(causesOf(healthyMesh)).toEqual([]);
});

test.each([
  ["max-connected-clusters", { "max-connected-clusters": "511" }, "east 255, west 511", "broken"],
  ["routing-mode", { "routing-mode": "native" }, "east tunnel, west native", "broken"],
  ["tunnel-protocol", { "tunnel-protocol": "geneve" }, "east vxlan, west geneve", "broken"],
  ["tunnel-port", { "tunnel-port": "8473" }, "east 8472, west 8473", "broken"],
  ["underlay-protocol", { "underlay-protocol": "ipv6" }, "east ipv4, west ipv6", "broken"],
  ["encryption", { "enable-wireguard": "true" }, "east none, west wireguard", "broken"],
  ["cluster-health-port", { "cluster-health-port": "9940" }, "east 4240, west 9940", "broken"],
  ["labels", { labels: "k8s:app" }, "east the default, west k8s:app", "suspect"],
  ["mtu", { mtu: "1400" }, "east automatic, west 1400", "suspect"],
  [
    "identity-allocation-mode",
    { "identity-allocation-mode": "kvstore" },
    "east crd, west kvstore",
    "suspect",
  ],
])("%s that differs is named with both values", (key, over, values, severity) => {
  const found = settings({ clusters: [east, withSettings(west, over)] });
  expect(found.find((f) => f.subject === key)).toMatchObject({
    id: "setting-differs",
    severity,
    message: expect.stringContaining(`clusters differ in ${key}: ${values};`),
  });
});

test("address families are compared where both clusters say them", () => {
  const [a, b] = [{ "enable-ipv6": "true" }, { "enable-ipv6": "false" }];
  expect(settings({ clusters: [withSettings(east, a), withSettings(west, b)] })).toMatchObject([
    { subject: "enable-ipv6", severity: "suspect" },
  ]);
  expect(against(withSettings(west, a))).toEqual([]);
});

test("a tunnel's settings do not matter where nothing is tunnelled, and defaults count as what they are", () => {
  const native = { "routing-mode": "native" };
  const clusters = [
    withSettings(east, native),
    withSettings(west, { ...native, "tunnel-protocol": "geneve" }),
  ];
  expect(settings({ clusters })).toEqual([]);
  expect(
    against(withSettings(west, { "tunnel-port": "8472", mtu: "0", "underlay-protocol": "auto" })),
  ).toEqual([]);
});

test("the port of health checks does not matter where there are none", () => {
  const off = { "cluster-health-port": "9940", "enable-health-checking": "false" };
  expect(against(withSettings(west, off))).toEqual([]);
});

test("every setting has a source", () => {
  for (const { key, source, remedy } of equalSettings) expect([key, source, remedy]).not.toContain("");
});

test("identities that are older than a change of the maximum are no other cluster's", () => {
  const changed = withSettings(
    {
      ...west,
      ciliumEndpoints: ok([{ namespace: "shop", name: "cart-2", ip: "10.2.0.5", identity: 131372 }]),
    },
    { "max-connected-clusters": "511" },
  );
  const found = causesOf({ clusters: [east, changed] });
  expect(found[0]?.message).toContain("clusters differ in max-connected-clusters: east 255, west 511");
  expect(found.some((f) => f.id === "cluster-id-changed")).toBe(false);
});

test.each([
  ["cluster-name", "default", /cluster name "default" cannot be used: it is the default/],
  ["cluster-name", "West", /only lower-case letters/],
  ["cluster-name", "w".repeat(33), /the limit is 32/],
  ["cluster-id", "0", /0 is reserved/],
  ["cluster-id", "256", /a number from 1 to 255/],
])("%s %s is refused", (key, value, message) => {
  expect(against(withSettings(west, { [key]: value })).join("\n")).toMatch(message);
});

test("with ENI, ids above 127 lose traffic", () => {
  expect(against(withSettings(west, { ipam: "eni", "cluster-id": "130" })).join()).toContain("21330");
  expect(against(withSettings(west, { "cluster-id": "130" }))).toEqual([]);
});

test("two clusters of one name", () => {
  expect(against(withSettings(west, { "cluster-name": "east" })).join()).toContain(
    "two clusters have the name east",
  );
});

test("IPsec keys without a common one; a rotation that is under way is none", () => {
  const keyed = (of: ClusterSnapshot, ...keys: readonly number[]): ClusterSnapshot => ({
    ...withSettings(of, { "enable-ipsec": "true" }),
    ciliumNodes: ok(
      keys.map((encryptionKey) => ({ name: `n${encryptionKey}`, podCidrs: [], encryptionKey })),
    ),
  });
  const messages = (clusters: readonly ClusterSnapshot[]): string[] =>
    settings({ clusters: [...clusters] }).map((f) => f.message);
  expect(messages([keyed(east, 3), keyed(west, 4)])).toEqual([
    "clusters use different IPsec keys: east key 3, west key 4",
  ]);
  expect(messages([keyed(east, 3, 4), keyed(west, 4)])).toEqual([]);
});

test("a native routing CIDR must cover the pods of the others", () => {
  const native = { "routing-mode": "native", "ipv4-native-routing-cidr": "10.1.0.0/16" };
  const clusters = [
    withSettings(east, native),
    withSettings(west, { ...native, "ipv4-native-routing-cidr": "10.0.0.0/8" }),
  ];
  expect(settings({ clusters })).toMatchObject([
    { id: "native-routing-cidr", cluster: "east", message: expect.stringContaining("10.2.0.0/24 of west") },
  ]);
});

test("what ip-masq-agent leaves alone by default is not masqueraded; interfaces leave a doubt", () => {
  const native = { "routing-mode": "native", "ipv4-native-routing-cidr": "10.1.0.0/16" };
  const wide = withSettings(west, { ...native, "ipv4-native-routing-cidr": "10.0.0.0/8" });
  const of = (over: Record<string, string>) =>
    settings({ clusters: [withSettings(east, { ...native, ...over }), wide] });
  expect(of({ "enable-ip-masq-agent": "true" })).toEqual([]);
  expect(of({ "egress-masquerade-interfaces": "eth1" })).toMatchObject([
    { id: "native-routing-cidr", severity: "suspect" },
  ]);
});

test("versions more than one minor release apart", () => {
  const found = causesOf(meshWith({}, { ciliumVersion: ok("1.17.4") }));
  expect(found).toMatchObject([{ id: "cilium-versions-apart", severity: "suspect" }]);
  expect(causesOf(meshWith({}, { ciliumVersion: ok("1.18.11") }))).toEqual([]);
});
