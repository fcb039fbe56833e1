import { expect, test } from "vitest";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { exampleCluster, examplePod, examplePolicy } from "./example-policies.ts";
import { leftOutLabelProblems } from "./left-out-labels.ts";
import type { PolicyCluster } from "./policy-clusters.ts";

const clusterLabel = "io.cilium.k8s.policy.cluster";
/** With `app` and `tier`, of which the filter may leave out one. */
const pods = (cluster: "east" | "west", kept: string) =>
  ["cart", "client"].map((app) => examplePod(cluster, app, { own: { app, tier: "front" }, kept }));
const filtered = (cluster: "east" | "west", labels: string): Partial<PolicyCluster> => ({
  settings: { labels },
  pods: pods(cluster, labels),
});
const cart = { matchLabels: { app: "cart" } };
const letting = (matchLabels: object, more: object = {}): UserPolicy =>
  examplePolicy({ endpointSelector: cart, ingress: [{ fromEndpoints: [{ matchLabels }] }], ...more });
const ofWest = (labels: object): UserPolicy => letting({ ...labels, [clusterLabel]: "west" });
const problems = (policy: UserPolicy, east: Partial<PolicyCluster>, west: Partial<PolicyCluster>) =>
  leftOutLabelProblems([
    exampleCluster("east", { policies: [policy], pods: pods("east", ""), ...east }),
    exampleCluster("west", west),
  ]);

test("a policy that selects another cluster's pods by a label which that cluster leaves out", () => {
  const west = filtered("west", "k8s:tier k8s:k8s-app");
  expect(problems(ofWest({ app: "client" }), {}, west)).toMatchObject([
    {
      cluster: "east",
      breaks: true,
      problem:
        "selects by label app in spec.ingress[0].fromEndpoints[0], which the identities of west lack: the filter of west (labels: k8s:tier k8s:k8s-app) leaves it out; connections of pods of west (shop/client) with shop/cart of east are denied against what it says",
      remedy:
        "add k8s:app to labels of west; restart the agents of west, and then its pods, which get new identities",
    },
  ]);
  // A mesh-wide selector means west's pods too.
  expect(problems(letting({ app: "client" }), { isLocal: false }, west)).toHaveLength(1);
  expect(problems(letting({ app: "client" }), { isLocal: true }, west)).toEqual([]);
  // Labels that are kept, pods that are not there, and another rule that lets them in.
  expect(problems(ofWest({ tier: "front" }), {}, west)).toEqual([]);
  expect(problems(ofWest({ app: "other" }), {}, west)).toEqual([]);
  const all = {
    ingress: [
      { fromEndpoints: [{ matchLabels: { app: "client", [clusterLabel]: "west" } }] },
      { fromEntities: ["all"] },
    ],
  };
  expect(problems(letting({}, all), {}, west)).toEqual([]);
});

test("identities that pods got before the filter still have the label", () => {
  const before = { ...filtered("west", "k8s:tier"), pods: pods("west", "") };
  expect(problems(ofWest({ app: "client" }), {}, before)).toEqual([]);
});

test("a policy that excludes by such a label lets more in", () => {
  const but = {
    matchExpressions: [
      { key: "app", operator: "NotIn", values: ["client"] },
      { key: clusterLabel, operator: "Exists" },
    ],
  };
  const policy = examplePolicy({ endpointSelector: cart, ingress: [{ fromEndpoints: [but] }] });
  const [found] = problems(policy, {}, filtered("west", "!app"));
  expect(found?.problem).toContain("pods of west (shop/client) with shop/cart of east are allowed against");
  expect(found?.remedy).toMatch(/^take the pattern that excludes it out of labels of west;/);
});

test("within one cluster, also of its own pods", () => {
  const [found] = problems(letting({ tier: "front" }), filtered("east", "k8s:tier"), {});
  expect(found?.problem).toBe(
    "selects by label app in spec.endpointSelector, which the identities of east lack: the filter of east (labels: k8s:tier) leaves it out; it is applied to pods of east (shop/cart) as if they did not have the label",
  );
  const kubernetes = examplePolicy({ podSelector: cart, ingress: [] }, "NetworkPolicy");
  expect(problems(kubernetes, filtered("east", "k8s:tier"), {})).toHaveLength(1);
});

test("labels that Cilium leaves out by default", () => {
  const key = "statefulset.kubernetes.io/pod-name";
  const db = examplePod("east", "db-0", { own: { app: "db", [key]: "db-0" } });
  const policy = examplePolicy({ endpointSelector: { matchLabels: { [key]: "db-0" } }, ingress: [] });
  const [found] = problems(policy, { pods: [db] }, {});
  expect(found?.problem).toContain(
    "(labels: the default) leaves it out; it is applied to pods of east (shop/db-0)",
  );
  expect(found?.remedy).toBe("select by other labels: Cilium leaves this one out by default");
});
