import { expect, test } from "vitest";
import { bgpAdverts, missingLabels, notAdvertised } from "./announcements.ts";

const service = { namespace: "kube-system", name: "clustermesh-apiserver", labels: { tier: "mesh" } };
const matchLabels = (labels: Record<string, string>) => ({ matchLabels: labels });
const advertisement = (...advertisements: readonly object[]) =>
  bgpAdverts({ kind: "CiliumBGPAdvertisement", name: "a", spec: { advertisements } });
const ofServices = (selector: object | undefined, addresses: readonly string[] = ["LoadBalancerIP"]) => ({
  advertisementType: "Service",
  service: { addresses },
  ...(selector === undefined ? {} : { selector }),
});
const peering = (...virtualRouters: readonly object[]) =>
  bgpAdverts({ kind: "CiliumBGPPeeringPolicy", name: "p", spec: { virtualRouters } });

test("an advertisement selects by labels, by name and namespace, and without a selector nothing", () => {
  expect(notAdvertised(advertisement(ofServices(matchLabels({ tier: "mesh" }))), service)).toBeUndefined();
  const named = matchLabels({ "io.kubernetes.service.name": "clustermesh-apiserver" });
  expect(notAdvertised(advertisement(ofServices(named)), service)).toBeUndefined();
  expect(notAdvertised(advertisement(ofServices({})), service)).toBeUndefined();
  const wrong = [
    ofServices(undefined),
    ofServices(matchLabels({ bgp: "on" })),
    { advertisementType: "PodCIDR", selector: matchLabels({ tier: "mesh" }) },
  ];
  expect(notAdvertised(advertisement(...wrong), service)).toContain("(CiliumBGPAdvertisement a)");
  expect(notAdvertised(advertisement(ofServices({}, ["ClusterIP"])), service)).toContain(
    "lack LoadBalancerIP",
  );
});

test("a router of a CiliumBGPPeeringPolicy announces load balancers unless it says otherwise", () => {
  const serviceSelector = matchLabels({ tier: "mesh" });
  expect(notAdvertised(peering({ serviceSelector }), service)).toBeUndefined();
  expect(notAdvertised(peering({ localASN: 1 }), service)).toContain("CiliumBGPPeeringPolicy p");
  expect(
    notAdvertised(peering({ serviceSelector, serviceAdvertisements: ["ExternalIP"] }), service),
  ).toContain("lack LoadBalancerIP");
});

test("the labels that a service lacks are those of the first selector of labels alone", () => {
  const expression = { matchExpressions: [{ key: "a", operator: "Exists" }] };
  expect(
    missingLabels(advertisement(ofServices(expression), ofServices(matchLabels({ bgp: "on" })))),
  ).toEqual(["bgp=on"]);
  expect(missingLabels([])).toEqual([]);
});
