import { expect, test } from "vitest";
import { missingGroupProblems, namedGroups, policiesWithGroups, withGroups } from "./cidr-groups.ts";
import { cidrProblems } from "./cidr-rules.ts";
import { exampleCluster, examplePolicy } from "./example-policies.ts";

const groups = [
  { name: "office", labels: { site: "berlin" }, cidrs: ["192.0.2.0/24", "198.51.100.0/24"] },
  { name: "west-pods", labels: { site: "west" }, cidrs: ["10.2.0.0/16"] },
];
const bySite = (site: string) => ({ cidrGroupSelector: { matchLabels: { site } } });
const letting = (...entries: readonly object[]) =>
  examplePolicy({ endpointSelector: { matchLabels: { app: "cart" } }, ingress: [{ fromCIDRSet: entries }] });

test("groups are their CIDRs, by name or by label", () => {
  const spec = {
    endpointSelector: {},
    ingress: [{ fromCIDRSet: [{ cidrGroupRef: "office" }, { cidr: "203.0.113.0/24" }], toPorts: [] }],
    egressDeny: [{ toCIDRSet: [bySite("west"), { cidrGroupRef: "gone" }] }],
  };
  expect(withGroups(spec, groups)).toEqual({
    endpointSelector: {},
    ingress: [
      {
        fromCIDRSet: [
          { cidr: "192.0.2.0/24", ofGroup: "office" },
          { cidr: "198.51.100.0/24", ofGroup: "office" },
          { cidr: "203.0.113.0/24" },
        ],
        toPorts: [],
      },
    ],
    egressDeny: [{ toCIDRSet: [{ cidr: "10.2.0.0/16", ofGroup: "west-pods" }] }],
  });
  expect(withGroups(spec, undefined)).toBe(spec);
  const plain = { ingress: [{ fromCIDRSet: [{ cidr: "10.0.0.0/8" }] }, { fromEntities: ["all"] }] };
  expect(withGroups(plain, groups)).toBe(plain);
});

test("keys of a selector may have the source of the labels of groups", () => {
  const spec = {
    ingress: [{ fromCIDRSet: [{ cidrGroupSelector: { matchLabels: { "cidrgroup:site": "west" } } }] }],
  };
  expect(withGroups(spec, groups)).toEqual({
    ingress: [{ fromCIDRSet: [{ cidr: "10.2.0.0/16", ofGroup: "west-pods" }] }],
  });
});

test("a group of a cluster's pods selects none of them, like their CIDR", () => {
  for (const entry of [{ cidrGroupRef: "west-pods" }, bySite("west")]) {
    const east = exampleCluster("east", { policies: policiesWithGroups([letting(entry)], groups) });
    expect(cidrProblems([east, exampleCluster("west")])).toMatchObject([
      {
        breaks: true,
        problem: expect.stringContaining(
          "fromCIDRSet 10.2.0.0/16 (of CiliumCIDRGroup west-pods) in spec.ingress[0] means the pods of west",
        ),
      },
    ]);
  }
});

test("a group that does not exist is named, with those that do", () => {
  const problems = (...of: readonly object[]): string[] =>
    missingGroupProblems("east", [letting(...of)], groups).map((p) => p.problem);
  expect(problems({ cidrGroupRef: "ofice" })).toEqual([
    "cidrGroupRef ofice in spec.ingress[0].fromCIDRSet[0] means no CiliumCIDRGroup (there is office, west-pods), so it lets nobody in by that",
  ]);
  expect(problems(bySite("paris"), { cidrGroupRef: "gone" })).toEqual([
    expect.stringContaining(
      'cidrGroupSelector {"matchLabels":{"site":"paris"}} in spec.ingress[0].fromCIDRSet[0], cidrGroupRef gone in spec.ingress[0].fromCIDRSet[1] mean no',
    ),
  ]);
  expect(problems({ cidrGroupRef: "office" }, bySite("west"), { cidr: "10.0.0.0/8" })).toEqual([]);
});

test("of files it is said that they may not be all", () => {
  const policies = [letting({ cidrGroupRef: "gone" })];
  const said = (some: typeof groups): string[] =>
    missingGroupProblems("east", policies, some, "files").map((p) => `${p.problem}; ${p.remedy}`);
  expect(said(groups)).toEqual([
    "cidrGroupRef gone in spec.ingress[0].fromCIDRSet[0] means no CiliumCIDRGroup (the files hold office, west-pods), so it lets nobody in by that; give the file that holds the group, create it, or correct its name in the policy",
  ]);
  expect(said([])).toEqual([expect.stringContaining("(the files hold none)")]);
});

test("the groups of a policy are named where they are not known", () => {
  expect(namedGroups(letting({ cidr: "10.0.0.0/8" }, { cidrGroupRef: "office" }))).toEqual([
    "cidrGroupRef office in spec.ingress[0].fromCIDRSet[1]",
  ]);
});
