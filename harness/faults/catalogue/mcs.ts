import type { Cluster } from "#harness/cluster/cluster.ts";
import { operatorSelector } from "#harness/cluster/selectors.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { exportersOf, exportOf, mcsLabel } from "#harness/workloads/mcs.ts";
import type { Injected, SuiteFault, SuiteFaultContext } from "../fault.ts";
import { toZero, untilNoPods } from "./scale.ts";
import { clusterAt } from "./victim.ts";

const anyExport = "every export is valid, and only the suite knows which services it wants to export";
const noOperator =
  "apart from the operator, which operator-down covers, it changes only objects that a snapshot does not hold";

/** Stops the operator of a cluster, which would otherwise restore its objects; healing starts it last. */
async function withoutOperator(ctx: SuiteFaultContext, cluster: Cluster): Promise<void> {
  await toZero(ctx, cluster.kube, "kube-system", "cilium-operator");
  await untilNoPods(cluster.kube, "kube-system", operatorSelector, ctx.signal);
}

/** What was changed in a cluster; a fault without an object to change is an error. */
function changed(
  { namespace }: SuiteFaultContext,
  cluster: Cluster,
  objects: readonly KubeObject[],
): Injected {
  if (objects.length === 0)
    throw new MeshproofError(
      "fault-no-effect",
      `${namespace} of ${cluster.name} has no object of MCS-API that the fault changes`,
    );
  const [first] = objects;
  return {
    subject: `${objects.length} ${first?.kind} in ${namespace} of ${cluster.name}`,
    names: [cluster.name],
  };
}

/** Waits until the imports of every cluster say what `done` expects; otherwise tests would pass before the effect. */
async function untilImports(
  { mesh, namespace, signal }: SuiteFaultContext,
  what: string,
  done: (imports: readonly KubeObject[]) => boolean,
): Promise<void> {
  for (const { name, kube } of mesh.clusters)
    await kube.until(
      kinds.serviceImport,
      { namespace },
      (imports) => (done(imports) ? ready(undefined) : notYet("not yet")),
      { what: `${what} in ${name}`, withinMs: preparedWithinMs, signal },
    );
}

/** The same fields with their old values, for a merge patch that restores them. */
const before = (from: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(keys.map((key) => [key, from[key] ?? null]));

const importChange = ({ spec, metadata }: KubeObject) => ({
  spec: {
    sessionAffinity: spec?.sessionAffinity === "ClientIP" ? "None" : "ClientIP",
    sessionAffinityConfig: null,
    internalTrafficPolicy: spec?.internalTrafficPolicy === "Local" ? "Cluster" : "Local",
    trafficDistribution: null,
    ports: ((spec?.ports ?? []) as { port: number }[]).map((p) => ({ ...p, port: p.port + 1000 })),
  },
  metadata: {
    labels: Object.fromEntries(Object.keys(metadata.labels ?? {}).map((key) => [key, null])),
  },
});

const mcsLabels = [mcsLabel.serviceName, mcsLabel.sourceCluster];

export const mcsFaults: readonly SuiteFault[] = [
  {
    name: "exports-withdrawn",
    group: "configuration",
    does: "deletes the suite's ServiceExports in the first cluster",
    traceless: anyExport,
    needsNamespace: true,
    async inject(ctx) {
      const cluster = clusterAt(ctx, 0);
      const exports = await cluster.kube.list(kinds.serviceExport, ctx.namespace);
      for (const { metadata, spec } of exports) {
        const object = { ...exportOf(ctx.namespace, metadata.name, spec) };
        await ctx.recordUndo({ do: "apply", cluster: cluster.name, object });
        await cluster.kube.remove(kinds.serviceExport, ctx.namespace, metadata.name);
      }
      return {
        ...changed(ctx, cluster, exports),
        tookHold: () =>
          untilImports(ctx, `no import from ${cluster.name}`, (imports) =>
            imports.every((i) => !exportersOf(i).includes(cluster.name)),
          ),
      };
    },
  },
  {
    name: "exports-added",
    group: "configuration",
    does: "exports every service of the suite that the first or the second cluster does not export",
    traceless: anyExport,
    needsNamespace: true,
    async inject(ctx) {
      const { namespace } = ctx;
      const added: KubeObject[] = [];
      const names: string[] = [];
      const wanted: { readonly name: string; readonly from: string }[] = [];
      for (const cluster of [clusterAt(ctx, 0), clusterAt(ctx, 1)]) {
        const exports = await cluster.kube.list(kinds.serviceExport, namespace);
        const exported = new Set(exports.map((e) => e.metadata.name));
        for (const { metadata } of await cluster.kube.list(kinds.service, namespace)) {
          // The services behind imports carry this label.
          if (exported.has(metadata.name) || metadata.labels?.[mcsLabel.serviceName] !== undefined) continue;
          await ctx.recordUndo({
            do: "remove",
            cluster: cluster.name,
            kind: "serviceExport",
            namespace,
            name: metadata.name,
          });
          added.push(await cluster.kube.apply(exportOf(namespace, metadata.name)));
          names.push(metadata.name);
          wanted.push({ name: metadata.name, from: cluster.name });
        }
      }
      return {
        ...changed(ctx, clusterAt(ctx, 1), added),
        names,
        tookHold: () =>
          untilImports(ctx, "imports of the added exports", (imports) =>
            wanted.every(({ name, from }) =>
              imports.some((i) => i.metadata.name === name && exportersOf(i).includes(from)),
            ),
          ),
      };
    },
  },
  {
    name: "imports-changed",
    group: "configuration",
    needs: "clusters created by Meshproof",
    does: "stops the second cluster's operator and changes ports, session affinity, traffic policy and labels of the suite's ServiceImports there",
    traceless: noOperator,
    needsNamespace: true,
    async inject(ctx) {
      const cluster = clusterAt(ctx, 1);
      await withoutOperator(ctx, cluster);
      const imports = await cluster.kube.list(kinds.serviceImport, ctx.namespace);
      for (const imported of imports) {
        const { name, labels = {} } = imported.metadata;
        const change = importChange(imported);
        const patch = {
          spec: before(imported.spec ?? {}, Object.keys(change.spec)),
          metadata: { labels: before(labels, Object.keys(change.metadata.labels)) },
        };
        const where = {
          cluster: cluster.name,
          kind: "serviceImport",
          namespace: ctx.namespace,
          name,
        } as const;
        await ctx.recordUndo({ do: "merge", ...where, patch });
        await cluster.kube.merge(kinds.serviceImport, ctx.namespace, name, change);
      }
      return changed(ctx, cluster, imports);
    },
  },
  {
    name: "slices-unlabelled",
    group: "configuration",
    needs: "clusters created by Meshproof",
    does: "stops the second cluster's operator and removes the labels of MCS-API from the suite's EndpointSlices there",
    traceless: noOperator,
    needsNamespace: true,
    async inject(ctx) {
      const cluster = clusterAt(ctx, 1);
      await withoutOperator(ctx, cluster);
      const slices = await cluster.kube.list(kinds.endpointSlice, ctx.namespace, mcsLabels.join());
      for (const { metadata } of slices) {
        const where = {
          cluster: cluster.name,
          kind: "endpointSlice",
          namespace: ctx.namespace,
          name: metadata.name,
        } as const;
        const labels = before(metadata.labels ?? {}, mcsLabels);
        await ctx.recordUndo({ do: "merge", ...where, patch: { metadata: { labels } } });
        await cluster.kube.merge(kinds.endpointSlice, ctx.namespace, metadata.name, {
          metadata: { labels: Object.fromEntries(mcsLabels.map((key) => [key, null])) },
        });
      }
      return changed(ctx, cluster, slices);
    },
  },
];
