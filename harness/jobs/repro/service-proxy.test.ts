import { expect, test } from "vitest";
import { draftOf } from "./plan-examples.ts";

const proxy = "service.kubernetes.io/service-proxy-name";
const values = (name: string, id: number, more: object = {}): object => ({
  ...{ cluster: { name, id }, clustermesh: { useAPIServer: true } },
  ipam: { operator: { clusterPoolIPv4PodCIDRList: [`10.${id}.0.0/16`] } },
  ...more,
});
const service = (
  name: string,
  labels: object,
  annotations: object = { "service.cilium.io/global": "true" },
): object => ({
  ...{ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop", labels, annotations } },
  spec: { selector: { app: name }, ports: [{ port: 80 }] },
});
const services = [
  service("own", { [proxy]: "cilium", tier: "web" }),
  service("other", { [proxy]: "kube-router" }),
  service("plain", { tier: "web" }),
  service("local", {}, {}),
];

/** Of the lab of two clusters, the first of which has all services. */
async function labOf(k8s: object | undefined) {
  const { clusters, differences } = await draftOf({
    "alpha/values.yaml": values("alpha", 1, k8s === undefined ? {} : { k8s }),
    "alpha/objects.yaml": services,
    "beta/values.yaml": values("beta", 2),
  });
  const alpha = clusters.find((c) => c.name === "alpha");
  const labels = (alpha?.manifests ?? []).flatMap((o) =>
    o.kind === "Service" ? [(o.metadata as { readonly labels?: object }).labels] : [],
  );
  const changed = differences
    .filter((d) => d.difference !== "" && /^(Service shop\/\w+|k8s\..*|value k8s)$/.test(d.field))
    .filter((d) => d.part !== "source" && d.inLab !== "as it is")
    .map((d) => `${d.field}: ${d.inSource}; ${d.inLab}`);
  return { labels, changed, values: alpha?.values };
}

test("services that the source's Cilium serves are served in the lab, and those that it leaves alone are not", async () => {
  const { labels, changed, values: own } = await labOf({ serviceProxyName: "cilium" });
  expect(labels).toEqual([
    { tier: "web" },
    { [proxy]: "kube-router" },
    { tier: "web", [proxy]: "other-than-cilium" },
    {},
  ]);
  expect(changed).toEqual([
    expect.stringMatching(/^k8s\.serviceProxyName: cilium; none, because nothing else serves /),
    `Service shop/own: as it is; without label ${proxy}`,
    `Service shop/plain: as it is; with label ${proxy}: other-than-cilium`,
  ]);
  expect(own).not.toHaveProperty("k8s");
});

test("other values beside it have a line of their own", async () => {
  const { changed } = await labOf({ serviceProxyName: "cilium", requireIPv4PodCIDR: true });
  expect(changed).toContain('value k8s: {"requireIPv4PodCIDR":true}; left out');
});

test.each([undefined, { serviceProxyName: "" }])(
  "without a name (%j) services are as they are",
  async (k8s) => {
    const { labels, changed } = await labOf(k8s);
    expect(labels).toEqual([
      { [proxy]: "cilium", tier: "web" },
      { [proxy]: "kube-router" },
      { tier: "web" },
      {},
    ]);
    expect(changed.filter((line) => !line.startsWith("value k8s"))).toEqual([]);
  },
);
