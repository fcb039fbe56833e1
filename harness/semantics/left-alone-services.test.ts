import { expect, test } from "vitest";
import { leftAlone } from "./left-alone-services.ts";

const proxyName = "service.kubernetes.io/service-proxy-name";
const headless = "service.kubernetes.io/headless";
const global = { "service.cilium.io/global": "true" };
const own = { "k8s-service-proxy-name": "cilium" };

const found = (labels: Record<string, string>, settings: Record<string, string> = {}, isHeadless = false) =>
  leftAlone({ annotations: global, labels, isHeadless }, { name: "c1", settings });

test("Cilium reads services of its own proxy name only, and without one those without a name", () => {
  expect(found({})).toBeUndefined();
  expect(found({ [proxyName]: "cilium" }, own)).toBeUndefined();
  expect(found({}, { "k8s-service-proxy-name": "" })).toBeUndefined();
  expect(found({ [proxyName]: "kube-router" })).toEqual({
    what: `is global, and has the label ${proxyName}: "kube-router": Cilium of c1 does not read it, so none of its backends is exported, and its clients in c1 get none of others`,
    ...{ isSure: true, isUnread: true, label: `${proxyName}-` },
  });
  for (const labels of [{ [proxyName]: "kube-router" }, {}])
    expect(found(labels, own)).toMatchObject({ isSure: true, isUnread: true, label: `${proxyName}=cilium` });
  expect(found({}, own)?.what).toContain(
    `has no label ${proxyName}: Cilium of c1 does not read it (k8s-service-proxy-name is "cilium"`,
  );
});

test("where the setting is not known, it may be that", () => {
  const unsure = leftAlone(
    { annotations: global, labels: { [proxyName]: "a" } },
    { name: "c1", settings: undefined },
  );
  expect(unsure).toMatchObject({
    isSure: false,
    what: expect.stringContaining("unless its k8s-service-proxy-name"),
  });
});

test("the label of headless services takes the ClusterIP away, whatever its value", () => {
  for (const value of ["", "false"])
    expect(found({ [headless]: value })).toMatchObject({
      ...{ isSure: true, isUnread: false, label: `${headless}-` },
      what: expect.stringContaining("agents of c1 do not serve its ClusterIP"),
    });
  expect(found({ [headless]: "" }, {}, true)).toBeUndefined();
});

test("one that is not global is nobody's matter here", () => {
  const labels = { [proxyName]: "a", [headless]: "" };
  expect(leftAlone({ annotations: {}, labels }, { name: "c1", settings: {} })).toBeUndefined();
});
