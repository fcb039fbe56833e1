import { describe, expect, test } from "vitest";
import { keptByMasqAgent, masqueraded } from "./masquerading.ts";
import type { ClusterSettings } from "./mesh-settings.ts";

const c1 = (settings: ClusterSettings["settings"] = {}): ClusterSettings => ({
  name: "c1",
  version: "1.19.7",
  settings: { "routing-mode": "native", "ipv4-native-routing-cidr": "10.1.0.0/16", ...settings },
});
const cidrs = ["10.1.2.0/24", "10.0.0.0/8", "10.2.0.0/24", "fd00::/64"];
const agent = { "enable-ip-masq-agent": "true" };

test("packets outside the range of native routing are masqueraded", () => {
  expect(masqueraded(c1(), cidrs)).toEqual({
    range: "10.1.0.0/16",
    cidrs: ["10.0.0.0/8", "10.2.0.0/24"],
  });
  expect(masqueraded(c1(), ["10.1.2.0/24"])).toBeUndefined();
  expect(masqueraded(c1({ "routing-mode": "tunnel" }), cidrs)).toBeUndefined();
  expect(masqueraded(c1({ "enable-ipv4-masquerade": "false" }), cidrs)).toBeUndefined();
});

describe("ip-masq-agent", () => {
  test("leaves its list alone, beside the range of native routing or without one", () => {
    const agentKeeps = ["10.0.0.0/8"];
    expect(masqueraded(c1(agent), cidrs, { agentKeeps })).toBeUndefined();
    const withoutRange = c1({ ...agent, "ipv4-native-routing-cidr": undefined });
    expect(masqueraded(withoutRange, cidrs, { agentKeeps })).toBeUndefined();
    expect(masqueraded(withoutRange, ["172.20.0.0/16"], { agentKeeps })).toEqual({
      range: "what ip-masq-agent leaves alone (10.0.0.0/8)",
      cidrs: ["172.20.0.0/16"],
    });
    // Its list is of no meaning where it is off.
    expect(masqueraded(c1(), ["10.2.0.0/24"], { agentKeeps })?.cidrs).toEqual(["10.2.0.0/24"]);
  });

  test("has a list of its own where none is given, and reads that of its file", () => {
    expect(masqueraded(c1(agent), cidrs, { agentKeeps: keptByMasqAgent(undefined) })).toBeUndefined();
    expect(keptByMasqAgent({ nonMasqueradeCIDRs: ["10.9.8.7/8", "fd00::/8"] })).toEqual([
      "10.0.0.0/8",
      "169.254.0.0/16",
    ]);
    expect(keptByMasqAgent({ nonMasqueradeCidrs: ["10.0.0.0/8"], masqLinkLocal: true })).toEqual([
      "10.0.0.0/8",
    ]);
    expect(keptByMasqAgent({ masqLinkLocal: true })).toEqual([]);
    expect(keptByMasqAgent({ nonMasqueradeCIDRs: ["10.0.0.0/33"] })).toEqual([]);
    expect(keptByMasqAgent("no mapping")).toEqual([]);
  });

  test("with an unknown list is taken to have its own, and what that leaves out is a doubt", () => {
    expect(masqueraded(c1(agent), cidrs)).toBeUndefined();
    expect(masqueraded(c1({ ...agent, "ipv4-native-routing-cidr": "" }), ["44.2.0.0/16"])).toMatchObject({
      cidrs: ["44.2.0.0/16"],
      unless: expect.stringContaining("ip-masq-agent"),
    });
  });
});

test("interfaces and settings of some nodes leave a doubt", () => {
  expect(masqueraded(c1({ "egress-masquerade-interfaces": "eth0" }), cidrs)?.unless).toContain("eth0");
  const of = (ofNodes: readonly string[]) => masqueraded(c1(), cidrs, { ofNodes })?.unless;
  expect(of(["ipv4-native-routing-cidr"])).toContain("CiliumNodeConfig sets ipv4-native-routing-cidr");
  expect(of(["debug"])).toBeUndefined();
});
