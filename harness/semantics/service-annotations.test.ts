import { describe, expect, test } from "vitest";
import { annotation } from "./annotations.ts";
import { annotationFaults } from "./service-annotations.ts";

const faults = (annotations: Record<string, string>, labels: Record<string, string> = {}) =>
  annotationFaults({ annotations, labels }, "1.20.2");

describe("names that look like a mark and are none", () => {
  test.each([
    ["service.io.cilium/global", annotation.global],
    ["io.cilium/global", annotation.global],
    ["cilium.io/global-service", annotation.global],
    ["service.cilium.io.global", annotation.global],
    ["services.cilium.io/global", annotation.global],
    ["service.cilium.io/globl", annotation.global],
    ["Service.cilium.io/Global", annotation.global],
    ["mesh.cilium.io/global", annotation.global],
    ["service.cillium.io/shared", annotation.shared],
    ["io.cilium/shared", annotation.shared],
    ["service.cilium.io/share", annotation.shared],
    ["service.cilium.io/affinty", annotation.affinity],
    ["io.cilium/affinity", annotation.affinity],
    ["service.cilium.io/global-sync-endpointslice", annotation.syncEndpointSlices],
    ["service.cilium.io/sync-endpoint-slices", annotation.syncEndpointSlices],
  ])("%s: %s was meant", (key, of) => {
    expect(faults({ [key]: "true" })).toEqual([
      {
        of,
        what: `${key}: "true" is no annotation that Cilium knows`,
        next: `use ${of}`,
        breaks: of === annotation.global,
      },
    ]);
  });

  test("one beside the right mark takes nothing away", () => {
    expect(faults({ [annotation.global]: "true", "io.cilium/global": "true" })).toMatchObject([
      { breaks: false },
    ]);
  });

  test.each([
    "service.cilium.io/type",
    "service.cilium.io/lb-algorithm",
    "service.cilium.io/node-selector",
    "service.cilium.io/src-ranges-policy",
    "service.cilium.io/forwarding-mode",
    "service.cilium.io/proxy-delegation",
    "lbipam.cilium.io/sharing-key",
    "io.cilium/lb-ipam-sharing-key",
    "example.com/global",
    "ingress.cilium.io/loadbalancer-mode",
    ...Object.values(annotation).filter((key) => key !== annotation.globalNamespace),
  ])("%s is none of them", (key) => {
    expect(faults({ [key]: "true" }).filter((f) => f.what.includes("no annotation"))).toEqual([]);
  });
});

describe("a label in place of an annotation", () => {
  test.each([annotation.global, annotation.oldGlobal, "io.cilium/global"])("%s", (key) => {
    expect(faults({}, { [key]: "true" })).toEqual([
      {
        of: annotation.global,
        what: `label ${key}: "true" has no effect: Cilium reads annotations, and not labels`,
        next: `set the annotation ${annotation.global} instead`,
        breaks: true,
      },
    ]);
  });

  test("does no harm beside the annotation, of either name", () => {
    for (const key of [annotation.global, annotation.oldGlobal])
      expect(faults({ [key]: "true" }, { [annotation.global]: "true" })).toEqual([]);
    expect(faults({}, { app: "global", "app.kubernetes.io/part-of": "cilium" })).toEqual([]);
  });

  test("one that takes nothing away is said all the same", () => {
    expect(faults({ [annotation.global]: "true" }, { [annotation.affinity]: "local" })).toMatchObject([
      { of: annotation.affinity, breaks: false },
    ]);
  });
});
