import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { east, west } from "./example-clusters.ts";
import { ok, withSettings } from "./healthy-mesh.ts";
import { ipsecKeyContent } from "./ipsec-keys.ts";
import { podCarrierOf } from "./pod-carriers.ts";

const withKey = (of: typeof west, key: number, errors: number | undefined): ClusterSnapshot => ({
  ...withSettings(of, { "enable-ipsec": "true" }),
  ciliumNodes: ok([{ name: `${of.name}-worker`, podCidrs: [], encryptionKey: key }]),
  agents: [
    {
      ...of.agents[0],
      ...(errors === undefined
        ? {}
        : { encryption: ok({ xfrmErrors: errors === 0 ? {} : { XfrmInStateProtoError: errors } }) }),
    },
  ],
});

test("nodes that cannot decrypt what comes with a key id that they have got another key", () => {
  expect(ipsecKeyContent(withKey(east, 3, 812), withKey(west, 3, 2036))).toMatchObject({
    id: "ipsec-key-content",
    severity: "broken",
    cluster: "west",
    message: expect.stringContaining(
      "nodes of west cannot decrypt what nodes of east send to pods (XfrmInStateProtoError: west-worker 2036), although both clusters use IPsec key 3",
    ),
  });
});

test.each([
  ["other key ids are another finding", 4, 2036],
  ["nodes without such errors do not show it", 3, 0],
  ["nodes whose counters were not read do not show it", 3, undefined],
])("%s", (_, key, errors) => {
  expect(ipsecKeyContent(withKey(east, 3, 812), withKey(west, key, errors))).toBeUndefined();
});

test.each([
  [{}, "tunnelled packets (UDP 8472)", "UDP 8472"],
  [{ "enable-wireguard": "true" }, "encrypted packets (WireGuard, UDP 51871)", "UDP 51871"],
  [{ "enable-ipsec": "true" }, "encrypted packets (IPsec, ESP (IP protocol 50))", "ESP (IP protocol 50)"],
  [
    { "enable-wireguard": "true", "routing-mode": "native" },
    "routed packets to pods",
    "packets to pod CIDRs and UDP 51871 (WireGuard)",
  ],
])("with %j, what carries packets to pods is named", (settings, what, need) => {
  expect(podCarrierOf(withSettings(west, settings))).toMatchObject({ what, need });
});

test("before 1.18, IPsec encrypts what is inside of the tunnel", () => {
  const older = { ...withSettings(west, { "enable-ipsec": "true" }), ciliumVersion: ok("1.17.9") };
  expect(podCarrierOf(older).need).toBe("UDP 8472");
});
