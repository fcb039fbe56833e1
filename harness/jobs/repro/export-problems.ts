import { present } from "#harness/lib/present.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Difference, SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { type ExportedService, exportConflicts } from "#harness/semantics/export-conflicts.ts";
import { familiesOf } from "./service-families.ts";
import { hasMcsApi } from "./source-settings.ts";

type Problem = Omit<Difference, "difference" | "part">;

const keyOf = ({ metadata }: SourceObject): string => `${metadata.namespace ?? "default"}/${metadata.name}`;

/** What one cluster exports under a name; an ExternalName is exported by nobody (`checkLocalSvcValidForExport`). */
function exported(c: SourceCluster, key: string): ExportedService[] {
  const mark = c.serviceExports.find((e) => keyOf(e) === key);
  const service = c.services.find((s) => keyOf(s) === key);
  const spec: unknown = service?.spec;
  if (mark === undefined || service === undefined || !isMapping(spec) || spec.type === "ExternalName")
    return [];
  const { creationTimestamp: since } = mark.metadata;
  return [
    {
      cluster: c.name,
      spec,
      ...present({
        since: typeof since === "string" ? since : undefined,
        families: familiesOf(c, service),
      }),
    },
  ];
}

/** ServiceExports of one name that MCS-API cannot join as they are. */
export function exportProblems(clusters: readonly SourceCluster[]): Problem[] {
  const on = clusters.filter(hasMcsApi);
  const keys = new Set(on.flatMap((c) => c.serviceExports.map(keyOf)));
  return [...keys].flatMap((key) => {
    const exports = on.flatMap((c) => exported(c, key));
    return exportConflicts(exports).map(
      ({ reason, what, breaks }): Problem => ({
        cluster: exports.map((e) => e.cluster).join(", "),
        field: `ServiceExport ${key}`,
        inSource: `${reason}: ${what}`,
        inLab: "as it is",
        matters: breaks ? "yes" : "perhaps",
      }),
    );
  });
}
