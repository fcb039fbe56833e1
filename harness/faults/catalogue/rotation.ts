import { renewPods } from "#harness/cilium/install/reconnect.ts";
import { servedCertificate } from "#harness/cilium/kvstore/kvstore.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { eventually, notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { upgradeCilium } from "#harness/platform/helm.ts";
import type { Fault, FaultContext } from "../fault.ts";

/**
 * Replaces every certificate of the mesh, under the same CA: with `tls.auto.method: helm` each upgrade of the release
 * does that (Cilium's chart, `templates/clustermesh-apiserver/tls-helm`). Ends when every clustermesh-apiserver
 * serves its new one; needs no undo step.
 */
export function certificatesRotated(): Fault {
  return {
    name: "certificates-rotated",
    group: "trust",
    does: "renews the certificates of every cluster by a Helm upgrade",
    async inject(ctx) {
      await ctx.recordUndo();
      for (const cluster of ctx.mesh.clusters) await rotate(ctx, cluster);
      const names = ctx.mesh.clusters.map((c) => c.name);
      return { subject: `the certificates of ${names.join(" and ")}`, names };
    },
  };
}

async function rotate({ mesh, signal }: FaultContext, cluster: Cluster): Promise<void> {
  const { artifacts } = mesh.state;
  const before = await servedCertificate(cluster);
  await upgradeCilium({
    helm: artifacts.tools.helm,
    kubeconfig: cluster.kubeconfig,
    chartDir: found(artifacts.clusters[cluster.name], `artifact of cluster ${cluster.name}`).chartDir,
    signal,
  });
  await renewPods(cluster, apiserverSelector, wallLabel());
  await eventually(
    async () =>
      (await servedCertificate(cluster)) === before ? notYet("still the old one") : ready(undefined),
    {
      what: `clustermesh-apiserver of ${cluster.name} to serve its new certificate`,
      withinMs: preparedWithinMs,
      everyMs: 500,
      signal,
    },
  );
}
