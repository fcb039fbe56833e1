// What ServiceExports of one name disagree about: MCS-API takes what the oldest export says, in all clusters
// (`checkConflictExport`, `mergePorts`, `intersectIPFamilies`: serviceimport_controller.go in pkg/clustermesh/mcsapi@1.20.2).
import { mappingsIn, valueAt } from "#harness/lib/value-at.ts";

/** A service that a cluster exports. */
export interface ExportedService {
  readonly cluster: string;
  /** The creation time of its ServiceExport, where the file has it. */
  readonly since?: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** Families of its addresses, where the files tell. */
  readonly families?: readonly string[];
}

interface ExportConflict {
  /** The reason in the condition `Conflict` of the ServiceExports. */
  readonly reason: string;
  readonly what: string;
  /** Clients of some cluster see another kind of service than its own export says. */
  readonly breaks: boolean;
}

interface Field {
  readonly reason: string;
  readonly of: (spec: ExportedService["spec"]) => string;
  readonly breaks?: true;
}

const textAt = (path: string, byDefault: string) => (spec: ExportedService["spec"]) =>
  String(valueAt(spec, path) ?? byDefault);

const portsOf = (spec: ExportedService["spec"]): string =>
  mappingsIn(spec.ports)
    .map(({ name = "", port, protocol = "TCP", appProtocol = "" }) =>
      [`${String(port)}/${String(protocol)}`, name, appProtocol].filter((t) => t !== "").join(" "),
    )
    .join(" and ");

const fields: readonly Field[] = [
  {
    reason: "TypeConflict",
    of: (spec) => (spec.clusterIP === "None" ? "headless" : "with a ClusterIP"),
    breaks: true,
  },
  { reason: "SessionAffinityConflict", of: textAt("sessionAffinity", "None") },
  {
    reason: "SessionAffinityConfigConflict",
    of: textAt("sessionAffinityConfig.clientIP.timeoutSeconds", "10800"),
  },
  { reason: "PortConflict", of: portsOf },
];

const shown = (exports: readonly ExportedService[], of: (e: ExportedService) => string): string =>
  exports.map((e) => `${e.cluster} ${of(e)}`).join(", ");

/** The oldest, if all have a time. */
function oldestOf(exports: readonly ExportedService[]): ExportedService | undefined {
  if (exports.some((e) => Number.isNaN(Date.parse(e.since ?? "")))) return undefined;
  return exports.toSorted((a, b) => Date.parse(a.since ?? "") - Date.parse(b.since ?? ""))[0];
}

/** Conflicts of the services of one name and namespace that several clusters export. */
export function exportConflicts(exports: readonly ExportedService[]): ExportConflict[] {
  if (exports.length < 2) return [];
  const oldest = oldestOf(exports);
  const wins = `the oldest export decides for all clusters${oldest === undefined ? "" : ` (that of ${oldest.cluster}, ${oldest.since})`}`;
  const found = fields
    .filter(({ of }) => new Set(exports.map((e) => of(e.spec))).size > 1)
    .map(
      ({ reason, of, breaks = false }): ExportConflict => ({
        reason,
        what: `${shown(exports, (e) => of(e.spec))}: ${wins}`,
        breaks,
      }),
    );
  const known = exports.filter((e) => e.families !== undefined && e.families.length > 0);
  const [first, ...others] = known;
  const isApart =
    first !== undefined && !(first.families ?? []).some((f) => others.every((o) => o.families?.includes(f)));
  return isApart
    ? [
        ...found,
        {
          reason: "IPFamilyConflict",
          what: `${shown(known, (e) => (e.families ?? []).join(" and "))}: no family in common, so clients of some cluster get none of its own family`,
          breaks: true,
        },
      ]
    : found;
}
