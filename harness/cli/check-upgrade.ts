import { checkPair, checkVersion } from "#harness/config/upgrade-matrix.ts";
import type { CheckReport, Versions } from "#harness/jobs/certify/check/index.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { oneLine } from "#harness/lib/visible.ts";
import { type CertificateFinding, type Grade, grades } from "#harness/model/certificate-finding.ts";
import type { Session } from "./session.ts";

interface CheckOptions {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly lab: string;
  readonly context?: readonly string[] | undefined;
  readonly kubeconfig?: string | undefined;
  readonly failOn?: Grade | undefined;
  readonly json: boolean;
}

export interface CheckInput {
  readonly files: readonly string[];
  readonly options: CheckOptions;
  readonly given: ReadonlySet<string>;
  readonly session: Session;
}

const own = ["check", "from", "to", "lab", "context", "kubeconfig", "failOn", "json"];

/** `certify --check`: reads, reports, and changes nothing. */
export async function runCheck({ files, options, given, session }: CheckInput): Promise<void> {
  const others = [...given].filter((name) => !own.includes(name));
  if (others.length > 0)
    throw new MeshproofError("usage", `--check does not take ${others.map(flagOf).join(", ")}`, {
      remedy: "it takes --to, --from, --lab, --context, --kubeconfig, --fail-on and --json",
    });
  const versions = versionsOf(options);
  const report = await reportOf(files, options, { given, versions });
  const { checkExitCode } = await import("#harness/jobs/certify/check/index.ts");
  if (options.json) await session.json({ check: report });
  else for (const line of describeCheck(report)) session.say(line);
  process.exitCode = checkExitCode(report, options.failOn ?? "caution");
}

const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;

function versionsOf({ from, to }: CheckOptions): Versions {
  if (to === undefined)
    throw new MeshproofError("usage", "--check needs --to: the version to upgrade to", {
      remedy: "for example --to 1.20.2; --from only where what is read does not tell the version that runs",
    });
  return from === undefined ? { from, to: checkVersion("to", to) } : checkPair({ from, to });
}

async function reportOf(
  files: readonly string[],
  { lab, context: contexts, kubeconfig }: CheckOptions,
  { given, versions }: { readonly given: ReadonlySet<string>; readonly versions: Versions },
): Promise<CheckReport> {
  const { checkContexts, checkFiles, checkLab } = await import("#harness/jobs/certify/check/index.ts");
  const sources = [files.length > 0, contexts !== undefined, given.has("lab")].filter(Boolean).length;
  if (sources > 1)
    throw new MeshproofError("usage", "--check reads files, --context or --lab: give one of them");
  if (contexts === undefined && kubeconfig !== undefined)
    throw new MeshproofError("usage", "--kubeconfig needs --context");
  if (files.length > 0) return checkFiles(files, versions);
  return contexts === undefined ? checkLab(lab, versions) : checkContexts(contexts, kubeconfig, versions);
}

/** For people: the most serious first. */
export function describeCheck({ to, clusters, findings, unread }: CheckReport): string[] {
  const froms = [...new Set(clusters.map((c) => c.from ?? "an unknown version"))].join(" and ");
  const counts = [
    ...grades.toReversed().map((g) => [findings.filter((f) => f.grade === g).length, g] as const),
    [unread.length, "not read"] as const,
  ].flatMap(([n, what]) => (n === 0 ? [] : [`${n} ${what}`]));
  return [
    oneLine(`Cilium ${froms} to ${to}, ${clusters.map((c) => c.name).join(", ")}:`),
    ...findings.flatMap(describeFinding),
    ...(unread.length === 0 ? [] : ["not read:"]),
    ...unread.flatMap((u) => [`- ${oneLine(u.message)}`, `  next: ${oneLine(u.remedy)}`]),
    counts.length === 0 ? "nothing found that an operator should know" : counts.join(", "),
  ];
}

const describeFinding = ({ id, grade, message, remedy }: CertificateFinding): string[] => [
  `[${grade}, ${id}] ${oneLine(message)}`,
  ...(remedy === undefined ? [] : [`  before the upgrade: ${oneLine(remedy)}`]),
];
