import { describe, expect, test } from "vitest";
import { deniesByDefault, hasSection } from "./default-deny.ts";

const sides = ["ingress", "egress"] as const;
const denied = (
  kind: string,
  spec: Readonly<Record<string, unknown>>,
  settings: Readonly<Record<string, string>> = {},
): string => sides.filter((side) => deniesByDefault({ kind, spec }, side, settings)).join();

describe("what a policy denies by default", () => {
  test.each([
    ["directions with rules, also with an empty one", { ingress: [{}] }, "ingress"],
    ["directions with denials", { egressDeny: [{ toEntities: ["world"] }] }, "egress"],
    ["nothing with an empty list", { ingress: [], egress: null }, ""],
    [
      "not what enableDefaultDeny leaves out",
      { ingress: [{}], egress: [{}], enableDefaultDeny: { egress: false } },
      "ingress",
    ],
    [
      "what enableDefaultDeny names without rules",
      { ingress: [{}], enableDefaultDeny: { egress: true } },
      "ingress",
    ],
    ["where enableDefaultDeny is empty", { ingress: [{}], enableDefaultDeny: { ingress: null } }, "ingress"],
  ])("of Cilium: %s", (_, spec, expected) => {
    for (const kind of ["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"])
      expect(denied(kind, spec)).toBe(expected);
  });

  test("of Cilium, also against enableDefaultDeny where the cluster has switched that off", () => {
    const spec = { ingress: [{}], enableDefaultDeny: { ingress: false } };
    expect(denied("CiliumNetworkPolicy", spec, { "enable-non-default-deny-policies": "false" })).toBe(
      "ingress",
    );
    expect(denied("CiliumNetworkPolicy", spec, { "enable-non-default-deny-policies": "true" })).toBe("");
  });

  test.each([
    ["ingress, if no type is named", {}, "ingress"],
    ["ingress, if the list is empty", { policyTypes: [], egress: [] }, "ingress"],
    ["egress too, if it has rules", { egress: [{}] }, "ingress,egress"],
    ["the type that is named", { policyTypes: ["Egress"] }, "egress"],
    ["both", { policyTypes: ["Ingress", "Egress"] }, "ingress,egress"],
  ])("of Kubernetes: %s", (_, spec, expected) => {
    expect(denied("NetworkPolicy", spec)).toBe(expected);
  });
});

test("rules without default deny are there all the same", () => {
  const rule = {
    kind: "CiliumNetworkPolicy",
    spec: { ingress: [{}], enableDefaultDeny: { ingress: false } },
  };
  expect(sides.map((side) => hasSection(rule, side))).toEqual([true, false]);
});
