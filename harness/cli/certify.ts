import { checkPair, readMatrix } from "#harness/config/upgrade-matrix.ts";
import type { Certified } from "#harness/jobs/certify/index.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { given } from "#harness/lib/given.ts";
import { grades } from "#harness/model/certificate-finding.ts";
import type { UpgradePair } from "#harness/model/certification-journal.ts";
import { runCheck } from "./check-upgrade.ts";
import { defineCommand, type Input } from "./command.ts";
import { imageOptions, planOptions } from "./lab-options.ts";
import {
  cycles,
  flag,
  json,
  labToBuild,
  oneOf,
  type Parsed,
  seconds,
  setup,
  several,
  testing,
  text,
} from "./options.ts";

const options = {
  ...labToBuild,
  ...cycles,
  fromCycles: several(
    "--from-cycles <dir...>",
    "render a certificate from finished cycles, or from runs with all of theirs; needs no lab",
    "files",
  ),
  from: text("--from <version>", "the current version"),
  to: text("--to <version>", "the version to upgrade to"),
  matrix: text(
    "--matrix <file>",
    "a file with several pairs, certified one after the other: pairs: [{ from: ..., to: ... }]",
    "files",
  ),
  history: text(
    "--history <file>",
    "results of earlier runs of the matrix (default: next to the matrix file)",
    "files",
  ),
  order: text(
    "--order <clusters>",
    "only this order of clusters, such as west,east (default: the lab file's order, then the opposite one)",
  ),
  skipRollback: flag("--skip-rollback", "end at the new version, without the way back"),
  full: flag(
    "--full",
    "run all suites in each window of suites, not only with the first and the last version",
  ),
  disturb: flag(
    "--disturb",
    "disturb every upgrade of a cluster: pods come and go, a policy is added, a node reboots (two workers a cluster)",
  ),
  newValues: several("--new-values <file>", "Helm values for the new version only", "files"),
  preflight: flag("--preflight", "run the new chart's pre-flight check before the upgrade"),
  accept: testing.accept,
  deadline: seconds(
    "--deadline <seconds>",
    "time limit for upgrading one cluster (default: the budget upgradeMs)",
  ),
  resume: flag("--resume", "resume the interrupted certification of --lab with its original options"),
  keep: flag("--keep", "keep the last lab at the end"),
  check: flag(
    "--check",
    "instead: what an operator should know before the upgrade; upgrades and changes nothing",
  ),
  context: several("--context <name>", "with --check: a cluster that exists, instead of the lab"),
  kubeconfig: text(
    "--kubeconfig <file>",
    "kubeconfig of those contexts (default: $KUBECONFIG, else ~/.kube/config)",
    "files",
  ),
  failOn: oneOf(
    "--fail-on <grade>",
    "end with exit code 1 if a finding has this grade or a higher one (with --check: caution by default)",
    grades,
  ),
  ...setup,
  ...json,
};
type CertifyOptions = Parsed<typeof options>;

export const certify = defineCommand({
  name: "certify",
  help: "certify an upgrade: upgrade labs from one Cilium version to another and move them back, under traffic",
  arguments: [
    {
      name: "[suites...]",
      help: "suites for the first and the last version, in the first cycle (default: all of the lab); with --check files: archives of cilium sysdump, Helm values, manifests, [NAME=]FILE or folder (default: the lab itself)",
      words: "suites",
    },
  ],
  options,
  run: runCertify,
});

async function runCertify(input: Input<typeof options>): Promise<void> {
  const { words: suites, options: o, given: flags, session } = input;
  if (o.check) return runCheck({ files: suites, options: o, given: flags, session });
  if (o.context !== undefined || o.kubeconfig !== undefined)
    throw new MeshproofError("usage", "--context and --kubeconfig are options of certify --check", {
      remedy: "a certification upgrades a lab that Meshproof creates",
    });
  if (o.cilium !== undefined)
    throw new MeshproofError("usage", "certify takes --from and --to, not --cilium");
  const jobs = await import("#harness/jobs/certify/index.ts");
  const { readValues } = await import("#harness/config/lab-file.ts");
  const { say, signal } = session;
  const reported = (certified: Certified): Certified => {
    for (const line of jobs.certificateLines(certified)) say(line);
    return certified;
  };
  const conclude = async (certified: Certified): Promise<void> => {
    const { certificate } = reported(certified);
    process.exitCode = jobs.certifyExitCode([certificate], o.failOn);
    if (o.json) await session.json(certificate);
  };
  if (o.fromCycles !== undefined) {
    refuseWith("--from-cycles", [...measured, "resume"], suites, flags);
    const { command } = session;
    return conclude(await jobs.certifyFromCycles({ dirs: o.fromCycles, command, say }));
  }
  const images = await imageOptions(o);
  for (const file of o.newValues ?? []) await readValues(file, "--new-values");
  if (o.resume) {
    refuseWith("--resume", measured, suites, flags);
    const certified = await session.withProgress((progress) =>
      jobs.resumeCertification({ keep: o.keep, images, say, signal, lab: o.lab, progress }),
    );
    return conclude(certified);
  }
  const pairs = await pairsOf(o);
  const one = async (pair: UpgradePair): Promise<Certified> => reported(await certifyPair(input, pair));
  if (o.matrix === undefined) return conclude(await certifyPair(input, found(pairs[0], "pair of versions")));
  const history = o.history ?? `${o.matrix.replace(/\.ya?ml$/, "")}.history.json`;
  const certificates = await jobs.certifyMatrix(pairs, history, one, { say, signal });
  process.exitCode = jobs.certifyExitCode(certificates, o.failOn);
  if (o.json) await session.json({ certificates: certificates.map((c) => c ?? null) });
}

async function certifyPair(
  { words: suites, options: o, session }: Input<typeof options>,
  pair: UpgradePair,
): Promise<Certified> {
  const { certify } = await import("#harness/jobs/certify/index.ts");
  const { planLab } = await import("#harness/config/plan.ts");
  const { mustBuild, preflight } = await import("#harness/lab/preflight.ts");
  const { newRunId } = await import("#harness/testkit/run-id.ts");
  const { say, signal } = session;
  const plan = await planLab({ ...planOptions(o), cilium: [pair.from] });
  const images = await imageOptions(o);
  const { registryMirror } = images;
  return session.withProgress(async (progress) => {
    await preflight({
      plan,
      setup: o.setup,
      mustBuild: await mustBuild(plan, images),
      progress,
      signal,
      ...given({ registryMirror }),
    });
    return certify({
      keep: o.keep,
      images,
      say,
      signal,
      plan,
      pair,
      suites,
      skipRollback: o.skipRollback,
      full: o.full,
      newValues: o.newValues ?? [],
      preflight: o.preflight,
      cycles: o.cycles,
      disturb: o.disturb,
      accept: o.accept ?? [],
      runId: newRunId(),
      command: session.command,
      progress,
      ...given({
        order: o.order,
        deadlineMs: o.deadline === undefined ? undefined : o.deadline * 1000,
      }),
    });
  });
}

/** Options that say how cycles are measured. */
const measured = [
  ...["from", "to", "cycles", "matrix", "order", "skipRollback", "full", "newValues", "preflight"],
  ...["accept", "deadline", "disturb"],
];

/** A resumed certification keeps its original options, and finished cycles keep theirs. */
function refuseWith(
  option: "--resume" | "--from-cycles",
  others: readonly string[],
  suites: readonly string[],
  flags: ReadonlySet<string>,
): void {
  const named = [
    ...suites,
    ...others
      .filter((name) => flags.has(name))
      .map((name) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`),
  ];
  if (named.length === 0) return;
  throw new MeshproofError(
    "usage",
    option === "--resume"
      ? `--resume uses the options of the interrupted certification and does not accept ${named.join(", ")}`
      : `--from-cycles renders cycles as they were measured and does not accept ${named.join(", ")}`,
    {
      remedy:
        option === "--resume"
          ? "run certify --resume --lab NAME without other options"
          : "run certify --from-cycles DIR... without other options",
    },
  );
}

/** One pair, or those of a matrix; all are checked before anything is built. */
async function pairsOf({ from, to, matrix }: CertifyOptions): Promise<readonly UpgradePair[]> {
  if (matrix !== undefined) {
    if (from !== undefined || to !== undefined)
      throw new MeshproofError("usage", "--matrix cannot be combined with --from and --to");
    return readMatrix(matrix);
  }
  if (from === undefined || to === undefined)
    throw new MeshproofError("usage", "certify needs --from and --to, or --matrix", {
      remedy: "for example --from 1.19.7 --to 1.20.2",
    });
  return [checkPair({ from, to })];
}
