import { describe, expect, test } from "vitest";
import { chartSettings, chartsRead } from "./chart-settings.ts";
import {
  isKnownChart,
  knownConfig,
  settingChanges,
  settingFinding,
  settingFindings,
  settingsAfter,
} from "./setting-changes.ts";

const key = "policy-default-local-cluster";
const path = { clustermesh: { policyDefaultLocalCluster: false } };
const changeOf = (name: string, ...args: Parameters<typeof settingChanges>) =>
  settingChanges(...args).find((c) => (c.row.setting ?? c.row.value) === name);

describe("the table of settings", () => {
  test("no setting is in it twice, each has a reason and a source, and its versions are those that were read", () => {
    const names = chartSettings.map((r) => r.setting ?? r.value);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(30);
    for (const { means, source, defaults } of chartSettings) {
      expect(means).not.toBe("");
      expect(source).toMatch(/1\.(18|19|20)/);
      expect(chartsRead).toEqual(expect.arrayContaining(Object.keys(defaults)));
      expect(Object.keys(defaults)[0]).toBe(chartsRead[0]);
    }
  });

  test("every minor of Cilium that a lab runs is in it", () => {
    expect(["1.18.3", "1.19.9", "1.20.5"].every(isKnownChart)).toBe(true);
    expect(isKnownChart("1.21.0")).toBe(false);
  });
});

describe("settings that a move changes", () => {
  test("a default that nobody set changes, up and down", () => {
    expect(changeOf(key, "1.18.11", "1.19.7", { values: {} })).toMatchObject({
      before: "false",
      after: "true",
    });
    expect(changeOf(key, "1.19.7", "1.18.11", { values: {} })).toMatchObject({
      before: "true",
      after: "false",
    });
    expect(changeOf(key, "1.19.7", "1.20.2", { values: {} })).toBeUndefined();
  });

  test("a value of the operator's own stays", () => {
    expect(changeOf(key, "1.18.11", "1.19.7", { values: path })).toBeUndefined();
    const extra = { values: { extraConfig: { [key]: "false" } } };
    expect(changeOf(key, "1.18.11", "1.19.7", extra)).toBeUndefined();
  });

  test("a value of the operator's own that the chart no longer writes is lost", () => {
    const own = { values: { enableInternalTrafficPolicy: false } };
    const change = changeOf("enable-internal-traffic-policy", "1.18.11", "1.19.7", own);
    expect(change).toMatchObject({ before: "false", after: undefined });
    expect(settingFindings(change === undefined ? [] : [change])).toMatchObject([
      {
        id: "setting-changes-meaning",
        grade: "caution",
        remedy: expect.stringContaining("no value that keeps"),
      },
    ]);
  });

  test("a value of the operator's own stays where the chart writes it only if it is set", () => {
    const own = { values: { devices: "eth0", hostFirewall: { enabled: true } } };
    expect(changeOf("devices", "1.20.2", "1.18.11", own)).toBeUndefined();
    expect(changeOf("enable-host-firewall", "1.20.2", "1.18.11", own)).toBeUndefined();
  });

  test("what keeps a setting is written as the chart's schema takes it", () => {
    const remedyOf = (name: string, from: string, to: string): string | undefined =>
      settingFindings(settingChanges(from, to, { values: {} })).find((f) => f.message.includes(` ${name}: `))
        ?.remedy;
    expect(remedyOf(key, "1.18.11", "1.19.7")).toBe(
      "to keep what you have, set clustermesh.policyDefaultLocalCluster: false",
    );
    const days = "clustermesh.apiserver.tls.auto.certValidityDuration";
    expect(remedyOf(days, "1.19.7", "1.20.2")).toBe(`to keep what you have, set ${days}: 1095`);
    expect(remedyOf("envoy-xds-mode", "1.19.7", "1.20.2")).toContain("set envoy.xdsMode: split");
    expect(remedyOf("packetization-layer-pmtud-mode", "1.18.11", "1.19.7")).toMatch(/PMTUDMode: ""$/);
    expect(remedyOf("packetization-layer-pmtud-mode", "1.19.7", "1.18.11")).toMatch(/no value that keeps/);
  });

  test("a default of a value that was not read is not certain", () => {
    expect(
      changeOf("clustermesh.apiserver.tls.auto.certValidityDuration", "1.19.7", "1.20.2", { config: {} }),
    ).toMatchObject({ perhaps: expect.stringContaining("no values were given") });
  });

  test("what cilium-config has is what it is now; with no values, it may be the operator's", () => {
    const config = { [key]: "true" };
    expect(changeOf(key, "1.18.11", "1.19.7", { values: {}, config })).toBeUndefined();
    expect(
      changeOf("mesh-auth-enabled", "1.18.11", "1.19.7", { config: { "mesh-auth-enabled": "true" } }),
    ).toEqual(expect.not.objectContaining({ perhaps: expect.anything() }));
    const pmtud = "packetization-layer-pmtud-mode";
    expect(changeOf(pmtud, "1.19.7", "1.18.11", { config: { [pmtud]: "always" } })).toMatchObject({
      before: "always",
      after: undefined,
      perhaps: expect.stringContaining("unless your values set it"),
    });
  });

  test("between two charts that differ, a change is possible and not certain", () => {
    const drift = "enable-drift-checker";
    expect(changeOf(drift, "1.19.1", "1.19.4", { values: {} })).toEqual(
      expect.not.objectContaining({ perhaps: expect.anything() }),
    );
    expect(changeOf(drift, "1.19.2", "1.19.7", { values: {} })).toMatchObject({
      perhaps: expect.stringContaining("was not read"),
    });
    // After the last of a minor, the last one counts.
    expect(changeOf(drift, "1.19.7", "1.20.9", { values: {} })).toBeUndefined();
  });

  test("a setting of a feature that is off does not change", () => {
    const name = "ingress-use-remote-address";
    expect(changeOf(name, "1.19.7", "1.20.2", { values: {} })).toBeUndefined();
    expect(
      changeOf(name, "1.19.7", "1.20.2", { values: { ingressController: { enabled: true } } }),
    ).toMatchObject({
      after: "true",
    });
    expect(
      changeOf(name, "1.19.7", "1.20.2", { config: { "enable-ingress-controller": "true" } }),
    ).toBeDefined();
  });
});

describe("certificates of the mesh", () => {
  test("a job renews certificates of the mesh by the chart's schedule from 1.20 on, unless values have one", () => {
    const path = "clustermesh.apiserver.tls.auto.schedule";
    const of = (auto: object) => ({
      values: { clustermesh: { useAPIServer: true, apiserver: { tls: { auto } } } },
    });
    const change = changeOf(path, "1.19.7", "1.20.2", of({ method: "cronJob" }));
    expect(change).toMatchObject({ before: undefined, after: "0 0 1 */4 *" });
    expect(settingFindings(change === undefined ? [] : [change])).toMatchObject([
      { id: "setting-new-default", grade: "caution", remedy: expect.stringContaining(`${path}: ""`) },
    ]);
    const own = of({ method: "cronJob", schedule: "0 0 1 * *" });
    expect(changeOf(path, "1.19.7", "1.20.2", own)).toBeUndefined();
    expect(changeOf(path, "1.20.2", "1.19.7", own)).toBeUndefined();
    expect(changeOf(path, "1.19.7", "1.20.2", of({}))).toBeUndefined();
  });

  test("certificates that renew themselves do not depend on how long they are valid", () => {
    const name = "clustermesh.apiserver.tls.auto.certValidityDuration";
    const auto = (method: string) => ({
      values: { clustermesh: { apiserver: { tls: { auto: { method } } } } },
    });
    expect(changeOf(name, "1.19.7", "1.20.2", auto("helm"))).toMatchObject({ before: "1095", after: "365" });
    expect(changeOf(name, "1.19.7", "1.20.2", auto("cronJob"))).toBeUndefined();
  });
});

describe("a setting that the chart forces", () => {
  const name = "bpf-lb-sock-hostns-only";
  const gateways = { gatewayAPI: { enabled: true } };
  const found = (...args: Parameters<typeof settingChanges>) =>
    settingFindings(settingChanges(...args)).find((f) => f.message.includes(`setting ${name}:`));

  test("changes whatever the operator's value is, and only extraConfig keeps it", () => {
    expect(found("1.19.7", "1.20.2", { values: gateways })).toMatchObject({
      id: "setting-new-default",
      message: expect.stringContaining('not set before, "true" after'),
      remedy: `to keep what you have, set extraConfig.${name}: "false"`,
    });
    const own = (hostNamespaceOnly: boolean) => ({ ...gateways, socketLB: { hostNamespaceOnly } });
    expect(changeOf(name, "1.19.7", "1.20.2", { values: own(false) })).toMatchObject({
      before: "false",
      after: "true",
    });
    expect(changeOf(name, "1.19.7", "1.20.2", { values: own(true) })).toBeUndefined();
    expect(changeOf(name, "1.20.2", "1.19.7", { values: own(true) })).toBeUndefined();
    const config = { "enable-gateway-api": "true" };
    expect(changeOf(name, "1.19.7", "1.20.2", { config })).toMatchObject({
      before: undefined,
      after: "true",
    });
    const kept = { ...gateways, extraConfig: { [name]: "false" } };
    expect(changeOf(name, "1.19.7", "1.20.2", { values: kept })).toBeUndefined();
    expect(changeOf(name, "1.19.7", "1.20.2", { values: {} })).toBeUndefined();
  });

  test("is what it is forced to while the version that forces it runs, and the operator's own on the way back", () => {
    const values = { ...gateways, socketLB: { hostNamespaceOnly: false } };
    expect(knownConfig("1.20.2", { values })[name]).toBe("true");
    expect(knownConfig("1.19.7", { values })[name]).toBe("false");
    expect(knownConfig("1.20.2", { values: {} })).not.toHaveProperty(name);
    expect(changeOf(name, "1.20.2", "1.19.7", { values })).toMatchObject({ before: "true", after: "false" });
    expect(found("1.20.2", "1.19.7", { values: gateways })?.remedy).toBe(
      "to keep what you have, set socketLB.hostNamespaceOnly: true",
    );
  });
});

test("a default that was shortened is no more than information on the way back", () => {
  const name = "clustermesh.apiserver.tls.auto.certValidityDuration";
  const found = (from: string, to: string) =>
    settingFindings(settingChanges(from, to, { values: {} })).find((f) => f.message.includes(name));
  expect(found("1.19.7", "1.20.2")).toMatchObject({ grade: "caution" });
  expect(found("1.20.2", "1.19.7")).toMatchObject({
    grade: "information",
    message: expect.stringContaining("valid for longer"),
  });
});

test("the defaults of an older minor stay where upgradeCompatibility asks for them", () => {
  const asks = (minor: string) => ({ values: { upgradeCompatibility: minor } });
  expect(changeOf("envoy-xds-mode", "1.19.7", "1.20.2", asks("1.19"))).toBeUndefined();
  expect(changeOf("envoy-xds-mode", "1.19.7", "1.20.2", asks("1.20"))).toMatchObject({ after: "ads" });
});

describe("cilium-config", () => {
  test("is what was read, else what values and defaults say", () => {
    expect(knownConfig("1.19.4", { config: { a: "1" }, values: path })).toEqual({ a: "1" });
    expect(
      knownConfig("1.19.4", { values: { ...path, kubeProxyReplacement: true, extraConfig: { x: "y" } } }),
    ).toMatchObject({
      [key]: "false",
      "kube-proxy-replacement": "true",
      "identity-allocation-mode": "crd",
      x: "y",
    });
    expect(knownConfig("1.18.11", { values: {} })).toMatchObject({ [key]: "false" });
  });

  test("has what several values ask for together", () => {
    const of = (values: object) => knownConfig("1.19.7", { values: values as Record<string, unknown> });
    expect(of({ encryption: { enabled: true, type: "wireguard" } })["enable-wireguard"]).toBe("true");
    expect(of({ encryption: { enabled: true } })["enable-wireguard"]).toBe("false");
    expect(of({ eni: { enabled: true } })["enable-endpoint-routes"]).toBe("true");
    expect(of({ clustermesh: { enableMCSAPISupport: true } })["clustermesh-enable-mcs-api"]).toBe("true");
  });

  test("after a move has what changed, and lacks what the chart no longer writes", () => {
    const before = knownConfig("1.18.11", { values: {} });
    const after = settingsAfter(before, settingChanges("1.18.11", "1.19.7", { values: {} }));
    expect(after).toMatchObject({ [key]: "true", "mesh-auth-enabled": "false", "cluster-name": "default" });
    expect(after).not.toHaveProperty("enable-node-port");
  });
});

test("a setting that the table does not have is a caution, and a long value is cut", () => {
  const finding = settingFinding("new", { before: undefined, after: "x".repeat(100), row: undefined });
  expect(finding).toMatchObject({ id: "setting-unknown", grade: "caution" });
  expect(finding.message.length).toBeLessThan(200);
});
