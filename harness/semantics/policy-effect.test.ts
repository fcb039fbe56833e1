import { expect, test } from "vitest";
import { given } from "#harness/lib/given.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { openSelectors } from "./cluster-selectors.ts";
import { effectOf } from "./policy-effect.ts";

const unknown = { version: undefined, nodeLabels: undefined, hostFirewall: undefined };
const of = (kind: UserPolicy["kind"], ...specs: Readonly<Record<string, unknown>>[]): UserPolicy => ({
  kind,
  namespace: kind === "CiliumClusterwideNetworkPolicy" ? "" : "shop",
  name: "p",
  specs: specs.map((spec, i) => ({ path: `specs[${i}]`, spec })),
});
const cilium = (...specs: Readonly<Record<string, unknown>>[]) => of("CiliumNetworkPolicy", ...specs);
const open = (policy: UserPolicy): string[] => openSelectors(policy).map((s) => s.path);
const why = (policy: UserPolicy, context: { readonly version?: string }) => {
  const { specs, why: reason } = effectOf(policy, { ...unknown, ...context });
  return [specs.length, reason];
};

test("$host is reserved:host up to 1.19, so it is taken as it is; 1.20 refuses the whole policy, wherever it is", () => {
  const peer = cilium({
    endpointSelector: {},
    ingress: [{ fromEndpoints: [{ matchLabels: { $host: "" } }, {}] }],
  });
  expect(open(peer)).toEqual(["specs[0].ingress[0].fromEndpoints[1]"]);
  expect(why(peer, {})).toEqual([1, undefined]);
  expect(why(peer, { version: "1.19.7" })).toEqual([1, undefined]);
  expect(why(peer, { version: "1.20.2" })).toEqual([
    0,
    expect.stringContaining("its long form is `reserved:`"),
  ]);
  const subject = cilium({
    endpointSelector: { matchExpressions: [{ key: "$health", operator: "DoesNotExist" }] },
    egress: [{ toEndpoints: [{}] }],
  });
  expect(why(subject, { version: "1.20.2" })[0]).toBe(0);
});

test("fromRequires is Cilium 1.18's, and there reserved labels do not exempt it; later versions refuse the policy", () => {
  const policy = cilium({
    endpointSelector: {},
    ingress: [{ fromRequires: [{ matchLabels: { "reserved:host": "" } }] }],
    egressDeny: [{ toRequires: [{ matchLabels: { "io.cilium.k8s.policy.cluster": "west" } }] }],
  });
  expect(open(policy)).toEqual(["specs[0].ingress[0].fromRequires[0]"]);
  expect(why(policy, { version: "1.18.11" })).toEqual([1, undefined]);
  expect(why(policy, { version: "1.19.0" })).toEqual([
    0,
    "Cilium refuses it: Cilium 1.19 and later have no fromRequires and toRequires",
  ]);
  // An empty list is what later versions accept.
  const empty = cilium({ endpointSelector: {}, ingress: [{ fromRequires: [] }] });
  expect(why(empty, { version: "1.20.2" })).toEqual([1, undefined]);
});

const ofNodes = { nodeSelector: {}, ingress: [{ fromEndpoints: [{}] }] };
const ofPods = { endpointSelector: {}, ingress: [{ fromEndpoints: [{}] }] };

test("a nodeSelector is for clusterwide policies, alone in its spec", () => {
  const wide = (...specs: Readonly<Record<string, unknown>>[]) =>
    of("CiliumClusterwideNetworkPolicy", ...specs);
  const both = { ...ofNodes, endpointSelector: {} };
  expect(why(cilium(ofPods, ofNodes), {})).toEqual([
    0,
    "Cilium refuses it: only a clusterwide policy can have a nodeSelector",
  ]);
  for (const wrong of [both, { ingress: [{}] }])
    expect(why(wide(wrong), {})).toEqual([0, expect.stringContaining("either an endpointSelector or")]);
  expect(why(wide(ofNodes, ofPods), {})).toEqual([2, undefined]);
  expect(open(wide(ofNodes))).toEqual(["specs[0].ingress[0].fromEndpoints[0]"]);
});

test("a policy has spec, specs or both, and each of them has a rule", () => {
  expect(why(cilium(), {})).toEqual([0, "Cilium refuses it: it has neither spec nor specs"]);
  expect(why(cilium({}), {})).toEqual([0, expect.stringContaining("either an endpointSelector or")]);
  for (const rules of [{}, { ingress: [] }, { ingress: null, egress: [] }, { ingress: {} }])
    expect(why(cilium(ofPods, { endpointSelector: {}, ...rules }), {})).toEqual([
      0,
      expect.stringContaining("each spec needs a rule, which may be empty, in one of ingress"),
    ]);
  expect(why(cilium({ endpointSelector: {}, egress: [{}] }), {})).toEqual([1, undefined]);
});

test("without the host firewall only specs of pods have an effect", () => {
  const wide = of("CiliumClusterwideNetworkPolicy", ofNodes, ofPods);
  const { specs, why: reason } = effectOf(wide, { ...unknown, hostFirewall: false });
  expect(specs.map((s) => s.path)).toEqual(["specs[1]"]);
  expect(reason).toBe("without enable-host-firewall a nodeSelector selects nothing");
  expect(effectOf(wide, { ...unknown, hostFirewall: true }).specs).toHaveLength(2);
  expect(effectOf(cilium(ofPods), { ...unknown, hostFirewall: false })).toEqual({
    specs: cilium(ofPods).specs,
  });
});

test("fromNodes without the labels of nodes makes Cilium refuse the policy", () => {
  const policy = cilium({ endpointSelector: {}, ingress: [{ fromNodes: [{}] }, { fromEndpoints: [{}] }] });
  expect(why(policy, {})).toEqual([1, undefined]);
  expect(effectOf(policy, { ...unknown, nodeLabels: true }).why).toBeUndefined();
  expect(effectOf(policy, { ...unknown, nodeLabels: false })).toEqual({
    specs: [],
    why: "Cilium refuses it: fromNodes and toNodes need enable-node-selector-labels",
  });
});

test("Kubernetes' own policies are never refused here", () => {
  const policy = of("NetworkPolicy", { podSelector: {}, ingress: [{}] });
  expect(effectOf(policy, { version: "1.20.2", nodeLabels: false, hostFirewall: false })).toEqual({
    specs: policy.specs,
  });
});

test("a clusterwide policy of pods without an identity selects peers without a namespace too", () => {
  const selects = (subject: object) => {
    const policy = of("CiliumClusterwideNetworkPolicy", {
      endpointSelector: subject,
      ingress: [{ fromEndpoints: [{}] }],
    });
    return openSelectors(policy).map((s) => s.matches?.({ "io.cilium.k8s.policy.cluster": "west" }));
  };
  expect(selects({ matchLabels: { "reserved:init": "" } })).toEqual([true]);
  expect(selects({ matchExpressions: [{ key: "$init", operator: "Exists" }] })).toEqual([true]);
  expect(selects({})).toEqual([false]);
});

test("entities and protocols that a release brought make an older one refuse the policy", () => {
  const mesh = cilium({ endpointSelector: {}, ingress: [{ fromEntities: ["cluster", "cluster-mesh"] }] });
  const tunnel = cilium({
    endpointSelector: {},
    egress: [{ toPorts: [{ ports: [{ port: "0", protocol: "gre" }] }] }],
  });
  for (const [policy, word] of [
    [mesh, "entity cluster-mesh"],
    [tunnel, "protocol GRE"],
  ] as const) {
    expect(why(policy, { version: "1.19.7" })).toEqual([
      0,
      `Cilium refuses it: Cilium before 1.20 does not have ${word}`,
    ]);
    for (const version of ["1.20.0", undefined])
      expect(why(policy, given({ version }))).toEqual([1, undefined]);
  }
  const old = cilium({
    endpointSelector: {},
    egress: [{ toEntities: ["cluster"], toPorts: [{ ports: [{}] }] }],
  });
  expect(why(old, { version: "1.18.6" })).toEqual([1, undefined]);
});
