import { describe, expect, test } from "vitest";
import {
  type CliCluster,
  checkOutput,
  connectedStep,
  connectStep,
  enabledStep,
  enableStep,
  statusStep,
} from "./cli-steps.ts";

const cluster1: CliCluster = {
  name: "cluster1",
  context: "kind-demo-cluster1",
  nodes: 2,
  hasKvstoreMesh: true,
};
const cluster2: CliCluster = { ...cluster1, name: "cluster2", context: "kind-demo-cluster2" };

const green = (text: string): string => `\u001B[32m${text}\u001B[0m`;
const statusOutput = [
  "\u001B[33m    /¯¯\\",
  `\u001B[36m /¯¯\u001B[33m\\__/\u001B[32m¯¯\\\u001B[0m    Cilium:             ${green("OK")}`,
  `\u001B[36m \\__\u001B[31m/¯¯\\\u001B[32m__/\u001B[0m    Operator:           ${green("OK")}`,
  `\u001B[34m    \\__/\u001B[0m    ClusterMesh:        ${green("disabled")}`,
  "",
].join("\n");

const access = [
  '✅ Service "clustermesh-apiserver" of type "NodePort" found',
  "✅ Cluster access information is available:",
  "  - 192.0.2.2:32379",
  "⌛ Waiting (0s) for deployment clustermesh-apiserver to become ready: only 0 of 1 replicas are available",
  "✅ Deployment clustermesh-apiserver is ready",
  "ℹ️  KVStoreMesh is enabled",
];
const enabledOutput = [
  ...access,
  "",
  "",
  "🔌 No cluster connected",
  "",
  "🔀 Global services: [ min:0 / avg:0.0 / max:0 ]",
  "",
].join("\n");

const connectOutput = [
  "✨ Extracting access information of cluster cluster1...",
  "🔑 Extracting secrets from cluster cluster1...",
  "⚠️  Service type NodePort detected! Service may fail when nodes are removed from the cluster!",
  "ℹ️  Found ClusterMesh service IPs: [192.0.2.2]",
  "✨ Extracting access information of cluster cluster2...",
  "🔑 Extracting secrets from cluster cluster2...",
  "⚠️  Service type NodePort detected! Service may fail when nodes are removed from the cluster!",
  "ℹ️  Found ClusterMesh service IPs: [198.51.100.2]",
  "⚠️ Cilium CA certificates do not match between clusters. Multicluster features will be limited!",
  "ℹ️ Configuring Cilium in cluster kind-demo-cluster1 to connect to cluster kind-demo-cluster2",
  "ℹ️ Configuring Cilium in cluster kind-demo-cluster2 to connect to cluster kind-demo-cluster1",
  "✅ Connected cluster kind-demo-cluster1 <=> kind-demo-cluster2!",
].join("\n");

const connectedOutput = [
  ...access,
  "⌛ Waiting (10s) for clusters to be connected: 2 nodes are not ready",
  "",
  "✅ All 2 nodes are connected to all clusters [min:1 / avg:1.0 / max:1]",
  "✅ All 1 KVStoreMesh replicas are connected to all clusters [min:1 / avg:1.0 / max:1]",
  "",
  "🔌 Cluster Connections:",
  "  - cluster2: 2/2 configured, 2/2 connected - KVStoreMesh: 1/1 configured, 1/1 connected",
  "",
  "🔀 Global services: [ min:1 / avg:1.0 / max:1 ]",
  "",
].join("\n");

const connected = connectedStep(cluster1, [cluster2], 600_000);

test("gives each command the document's arguments, and only flags of the table", () => {
  expect(
    [
      statusStep(cluster1, 600_000),
      enableStep(cluster1),
      enabledStep(cluster1, 600_000),
      connectStep(cluster1, cluster2, false),
      connectStep(cluster1, cluster2, true),
      connected,
    ].map(({ argv }) => argv.join(" ")),
  ).toEqual([
    "status --context kind-demo-cluster1 --wait --wait-duration 600s --interactive=false",
    "clustermesh enable --context kind-demo-cluster1 --service-type NodePort",
    "clustermesh status --context kind-demo-cluster1 --wait --wait-duration 600s",
    "clustermesh connect --context kind-demo-cluster1 --destination-context kind-demo-cluster2",
    "clustermesh connect --context kind-demo-cluster1 --destination-context kind-demo-cluster2 --allow-mismatching-ca",
    "clustermesh status --context kind-demo-cluster1 --wait --wait-duration 600s",
  ]);
});

describe("the output of a command", () => {
  test.each([
    ["status", statusStep(cluster1, 1), statusOutput],
    [
      "enable",
      enableStep(cluster1),
      "⚠️  Using service type NodePort may fail when nodes are removed from the cluster!",
    ],
    ["status before connect", enabledStep(cluster1, 1), enabledOutput],
    ["connect", connectStep(cluster1, cluster2, false), connectOutput],
    ["status after connect", connected, connectedOutput],
    [
      "status without KVStoreMesh",
      connectedStep({ ...cluster1, hasKvstoreMesh: false }, [cluster2], 1),
      connectedOutput.replace(/ - KVStoreMesh: .*/, ""),
    ],
  ])("%s: has every line that is needed", (_, step, output) => {
    expect(checkOutput(step, output).found).toEqual(step.expected.map(({ what }) => what));
  });

  test.each([
    ["all 2 nodes", connectedOutput.replace("All 2 nodes", "All 1 nodes")],
    [
      "all 2 nodes",
      connectedOutput.replace(
        /^✅ All 2.*$/m,
        "⚠️  1/2 nodes are not connected to all clusters [min:0 / avg:0.5 / max:1]",
      ),
    ],
    ["cluster2 is configured", connectedOutput.replace("2/2 connected", "1/2 connected")],
    ["cluster2 is configured", connectedOutput.replace("1/1 connected", "0/1 connected")],
    [
      "cluster2 is configured",
      connectedOutput.replace(
        "KVStoreMesh: 1/1 configured, 1/1 connected",
        "KVStoreMesh: status not available",
      ),
    ],
    ["deployment is ready", connectedOutput.replace(/^✅ Deployment.*$/m, "")],
    ["its address", connectedOutput.replace("  - 192.0.2.2:32379\n", "")],
    ["❌ 1 Errors:", `${connectedOutput}\n❌ 1 Errors:`],
  ])("after connect is refused if it lacks or has: %s", (what, output) => {
    expect(() => checkOutput(connected, output)).toThrow(what);
  });

  test.each([
    ["cluster2 is configured to connect to cluster1", "cluster kind-demo-cluster2 to connect"],
    ["cluster1 is configured to connect to cluster2", "cluster kind-demo-cluster1 to connect"],
    ["both directions", "<=>"],
    ["secrets of cluster2", "🔑 Extracting secrets from cluster cluster2"],
  ])("of connect is refused without: %s", (what, part) => {
    const output = connectOutput.replace(part, "-");
    expect(() => checkOutput(connectStep(cluster1, cluster2, false), output)).toThrow(what);
  });

  test("before connect is refused if a cluster is connected already", () => {
    expect(() => checkOutput(enabledStep(cluster1, 1), connectedOutput)).toThrow(
      "no cluster is connected yet",
    );
  });

  test.each([
    ["Cilium is OK", statusOutput.replace("OK", "1 errors")],
    ["ClusterMesh is disabled", statusOutput.replace("disabled", "OK")],
  ])("of status is refused unless %s", (what, output) => {
    expect(() => checkOutput(statusStep(cluster1, 1), output)).toThrow(what);
  });

  test("is kept without colours and cursor movements", () => {
    const refreshed = `${statusOutput}\u001B[A\u001B[2K${statusOutput}`;
    expect(checkOutput(statusStep(cluster1, 1), refreshed).output).not.toContain("\u001B");
  });
});
