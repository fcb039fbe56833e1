import { expect, test } from "vitest";
import { firstLines } from "./plan-examples.ts";

const values = (name: string, id: number, more: object = {}): object => ({
  ...{ cluster: { name, id }, clustermesh: { useAPIServer: true } },
  ipam: { operator: { clusterPoolIPv4PodCIDRList: [`10.${id}.0.0/16`] } },
  ...more,
});
const service = (annotations: object = { "service.cilium.io/global": "true" }): object => ({
  ...{ apiVersion: "v1", kind: "Service", metadata: { name: "front", namespace: "net", annotations } },
  spec: { selector: { app: "dns" }, ports: [{ name: "dns", port: 53, protocol: "UDP" }] },
});
const policy = (more: object = {}): object => ({
  ...{ apiVersion: "cilium.io/v2", kind: "CiliumLocalRedirectPolicy" },
  metadata: { name: "near", namespace: "net" },
  spec: {
    redirectFrontend: { serviceMatcher: { serviceName: "front", namespace: "net", ...more } },
    redirectBackend: { localEndpointSelector: { matchLabels: { app: "cache" } }, toPorts: [] },
  },
});
const on = { localRedirectPolicies: { enabled: true } };
const linesOf = (
  ofAlpha: object,
  { more = on, ofBeta = service() }: { readonly more?: object; readonly ofBeta?: object } = {},
): Promise<string[]> =>
  firstLines({
    ...{ "alpha/values.yaml": values("alpha", 1, more), "alpha/objects.yaml": [service(), ofAlpha] },
    ...{ "beta/values.yaml": values("beta", 2), "beta/objects.yaml": [ofBeta] },
  });

test("clients of a global service stay on their own node", async () => {
  expect(await linesOf(policy({ toPorts: [{ port: "53", protocol: "UDP" }] }))).toEqual([
    "alpha: Service net/front: CiliumLocalRedirectPolicy net/near sends requests to it at port 53, to pods app=cache of the client's own node, wherever one is ready: there no pod of beta answers [yes]",
  ]);
});

test("without the setting the policy has no effect; it may be a placeholder", async () => {
  expect(await linesOf(policy(), { more: {} })).toEqual([
    "alpha: Service net/front: CiliumLocalRedirectPolicy net/near has no effect: localRedirectPolicies.enabled is off in alpha [perhaps]",
  ]);
  const [line] = await linesOf(policy(), { more: { localRedirectPolicies: { enabled: "${LRP}" } } });
  expect(line).toMatch(/if localRedirectPolicies\.enabled is on in alpha \[perhaps\]$/);
});

test.each([
  ["no other cluster shares the service", { ofBeta: service({}) }, policy()],
  ["it is of another service", {}, policy({ serviceName: "web" })],
  ["agents refuse it", {}, policy({ namespace: "web" })],
])("nothing is said where %s", async (_, more, own) => {
  expect((await linesOf(own, more)).filter((line) => line.includes("near"))).toEqual([]);
});
