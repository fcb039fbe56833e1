// `node scripts/tools/chart-settings/main.ts HELM [VERSION...]`: renders the charts of Cilium's modules and prints where
// harness/semantics/chart-settings.ts does not say what they write. Without versions, those that the table names.
import { join } from "node:path";
import { describeError } from "#harness/lib/errors.ts";
import { downloadModule } from "#harness/platform/go.ts";
import { renderChart } from "#harness/platform/helm.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { chartSettings, chartsRead } from "#harness/semantics/chart-settings.ts";
import { tableMistakes } from "./chart-settings.ts";

guardOutput();
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const mesh = {
  cluster: { name: "c1", id: 1 },
  k8sServiceHost: "192.0.2.1",
  k8sServicePort: 6443,
  clustermesh: { useAPIServer: true, config: { enabled: true } },
};
/** With nearly every feature on, because a chart writes the settings of most only then. */
const features = {
  ...mesh,
  clustermesh: {
    ...mesh.clustermesh,
    enableEndpointSliceSynchronization: true,
    enableMCSAPISupport: true,
    mcsapi: { enabled: true },
  },
  kubeProxyReplacement: true,
  ipv6: { enabled: true },
  encryption: { enabled: true, type: "wireguard" },
  hubble: {
    relay: { enabled: true },
    metrics: { enabled: ["dns", "drop"] },
    export: { static: { enabled: true } },
    redact: { enabled: true },
  },
  prometheus: { enabled: true },
  ingressController: { enabled: true },
  gatewayAPI: { enabled: true },
  envoyConfig: { enabled: true },
  localRedirectPolicies: { enabled: true },
  authentication: { enabled: true, mutual: { spire: { enabled: true } } },
  l2announcements: { enabled: true },
  egressGateway: { enabled: true },
  bpf: { masquerade: true },
  bgpControlPlane: { enabled: true },
  bandwidthManager: { enabled: true },
  hostFirewall: { enabled: true },
  ipMasqAgent: { enabled: true },
  ciliumEndpointSlice: { enabled: true },
  loadBalancer: { algorithm: "maglev", mode: "dsr", l7: { backend: "envoy" } },
  nodeIPAM: { enabled: true },
  pmtuDiscovery: { enabled: true },
};

const [helm = "helm", ...versions] = process.argv.slice(2);
try {
  const rendered = new Map<string, Record<string, string>[]>();
  for (const version of versions.length > 0 ? versions : chartsRead) {
    const { dir } = await downloadModule("github.com/cilium/cilium", `v${version}`, stop.signal);
    const chartDir = join(dir, "install/kubernetes/cilium");
    const configs: Record<string, string>[] = [];
    for (const values of [mesh, features]) {
      const objects = await renderChart({
        helm,
        chartDir,
        values,
        kubernetes: "1.34.0",
        signal: stop.signal,
      });
      const map = objects.find(
        (o) => o.kind === "ConfigMap" && (o.metadata as { name?: string }).name === "cilium-config",
      );
      configs.push((map?.data ?? {}) as Record<string, string>);
    }
    rendered.set(version, configs);
  }
  const lines = tableMistakes(chartSettings, rendered);
  process.stdout.write(
    lines.length === 0 ? "the table says what the charts write\n" : `${lines.join("\n")}\n`,
  );
  process.exitCode = lines.length === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
