import { expect, test } from "vitest";
import { ignoredValues } from "./ignored-values.ts";

const strict = (more: object) => ({ encryption: { strictMode: { enabled: true, ...more } } });

test.each([
  [
    "renamed",
    { clustermesh: { enableMCSAPISupport: true } },
    "1.20.2",
    { removed: "1.20", instead: "clustermesh.mcsapi.enabled", isWritten: false },
  ],
  [
    "renamed, with both names",
    strict({ egress: { enabled: true } }),
    "1.20.2",
    { removed: "1.20", isWritten: true },
  ],
  [
    "removed without a successor, with a reason",
    { encryption: { ipsec: { encryptedOverlay: true } } },
    "1.20.2",
    { removed: "1.20", note: "it is always on" },
  ],
  [
    "removed, of the charts alone",
    { hubble: { ui: { backend: { livenessProbe: { enabled: true } } } } },
    "1.20.2",
    { path: "hubble.ui.backend.livenessProbe.enabled", removed: "1.20" },
  ],
  ["of a later version", { clustermesh: { cacheTTL: "10m" } }, "1.18.11", { brought: "1.19" }],
  [
    "of a later version, with the older name",
    { clustermesh: { mcsapi: { enabled: true } } },
    "1.18.11",
    { brought: "1.19", instead: "clustermesh.enableMCSAPISupport" },
  ],
  ["in other letters", { clusterMesh: {} }, "1.20.2", { instead: "clustermesh" }],
  [
    "with a mistake",
    { clustermesh: { config: { enabeld: true } } },
    "1.20.2",
    { instead: "clustermesh.config.enabled" },
  ],
  [
    "at another place",
    { maxConnectedClusters: 511 },
    "1.20.2",
    { instead: "clustermesh.maxConnectedClusters" },
  ],
  ["like no other", { unknownTop: true }, "1.20.2", { path: "unknownTop", refused: false }],
  [
    "at which helm stops",
    { tunnel: "vxlan" },
    "1.20.2",
    { removed: "1.15", refused: true, instead: "routingMode and tunnelProtocol" },
  ],
  // To the chart's test, a mapping that is not empty is true, and so is the text of false.
  ["refused, though it is off", { endpointStatus: { enabled: false } }, "1.20.2", { refused: true }],
  ["refused as a text", { proxy: { prometheus: { enabled: false } } }, "1.20.2", { refused: true }],
  ["refused only if it is on", { etcd: { managed: false } }, "1.20.2", undefined],
  ["refused only if there is something in it", { endpointStatus: {} }, "1.20.2", undefined],
  ["always on", { sessionAffinity: true }, "1.20.2", { removed: "1.19", note: "it is always on" }],
  ["removed, and off", { customCalls: { enabled: false } }, "1.20.2", undefined],
  ["removed later", strict({}), "1.19.7", undefined],
  [
    "that only asked for what older versions do",
    { envoy: { xdsMode: "split" } },
    "1.19.7",
    { brought: "1.20", isHarmless: true },
  ],
  [
    "that asked for something else",
    { envoy: { xdsMode: "ads" } },
    "1.19.7",
    expect.not.objectContaining({ isHarmless: true }),
  ],
  [
    "at the default, which changes nothing",
    { clustermesh: { cacheTTL: "0s" } },
    "1.18.11",
    { isHarmless: true },
  ],
  [
    "of a feature that is gone",
    { hubble: { redact: { kafka: { apiKey: true } } } },
    "1.20.2",
    { removed: "1.20", isHarmless: true, note: "Cilium 1.20 has no Kafka support" },
  ],
])("a value %s", (_, values, version, expected) => {
  expect(ignoredValues(values, version)).toMatchObject(expected === undefined ? [] : [expected]);
});
