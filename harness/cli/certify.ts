import { checkPair, readMatrix } from "#harness/config/upgrade-matrix.ts";
import type { Certified } from "#harness/jobs/certify/index.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { given } from "#harness/lib/given.ts";
import type { UpgradePair } from "#harness/model/certification-journal.ts";
import { defineCommand, type Input } from "./command.ts";
import { imageOptions, planOptions } from "./lab-options.ts";
import { flag, json, labToBuild, type Parsed, seconds, setup, several, text } from "./options.ts";

const options = {
  ...labToBuild,
  from: text("--from <version>", "the version that runs now"),
  to: text("--to <version>", "the version to move to"),
  matrix: text(
    "--matrix <file>",
    "several pairs, one after the other: pairs: [{ from: ..., to: ... }]",
    "files",
  ),
  history: text(
    "--history <file>",
    "of the matrix: results of earlier runs (default: beside the matrix file)",
    "files",
  ),
  order: text(
    "--order <clusters>",
    "which cluster moves first, such as west,east (default: the lab file's order)",
  ),
  skipRollback: flag("--skip-rollback", "end at the new version; nothing is rolled back"),
  full: flag("--full", "every suite in every phase, not at the first and the last alone"),
  newValues: several("--new-values <file>", "Helm values for the new version alone", "files"),
  preflight: flag("--preflight", "run the new chart's own pre-flight check before anything moves"),
  deadline: seconds("--deadline <seconds>", "for moving one cluster (default: the budget upgradeMs)"),
  resume: flag("--resume", "resume the interrupted certification of --lab with its original options"),
  keep: flag("--keep", "leave the lab up"),
  ...setup,
  ...json,
};
type CertifyOptions = Parsed<typeof options>;

export const certify = defineCommand({
  name: "certify",
  help: "certify an upgrade: moves a lab from one Cilium version to another and back, under traffic",
  arguments: [
    {
      name: "[suites...]",
      help: "of the first and the last version (default: all of the lab)",
      words: "suites",
    },
  ],
  options,
  run: runCertify,
});

async function runCertify(input: Input<typeof options>): Promise<void> {
  const { words: suites, options: o, given: flags, session } = input;
  if (o.cilium !== undefined)
    throw new MeshproofError("usage", "certify takes --from and --to, not --cilium");
  const jobs = await import("#harness/jobs/certify/index.ts");
  const { readValues } = await import("#harness/config/lab-file.ts");
  const { say, signal } = session;
  const images = await imageOptions(o);
  for (const file of o.newValues ?? []) await readValues(file, "--new-values");
  const reported = (certified: Certified): Certified => {
    for (const line of jobs.certificateLines(certified)) say(line);
    return certified;
  };
  if (o.resume) {
    refuseWithResume(suites, flags);
    const certified = await session.withProgress((progress) =>
      jobs.resumeCertification({ keep: o.keep, images, say, signal, lab: o.lab, progress }),
    );
    const { certificate } = reported(certified);
    process.exitCode = jobs.certifyExitCode([certificate]);
    if (o.json) await session.json(certificate);
    return;
  }
  const pairs = await pairsOf(o);
  const one = async (pair: UpgradePair): Promise<Certified> => reported(await certifyPair(input, pair));
  if (o.matrix === undefined) {
    const { certificate } = await one(found(pairs[0], "pair of versions"));
    process.exitCode = jobs.certifyExitCode([certificate]);
    if (o.json) await session.json(certificate);
    return;
  }
  const history = o.history ?? `${o.matrix.replace(/\.ya?ml$/, "")}.history.json`;
  const certificates = await jobs.certifyMatrix(pairs, history, one, { say, signal });
  process.exitCode = jobs.certifyExitCode(certificates);
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

/** A certification that is resumed keeps the options that it began with. */
function refuseWithResume(suites: readonly string[], flags: ReadonlySet<string>): void {
  const original = [
    "from",
    "to",
    "matrix",
    "order",
    "skipRollback",
    "full",
    "newValues",
    "preflight",
    "deadline",
  ];
  const named = [
    ...suites,
    ...original
      .filter((name) => flags.has(name))
      .map((name) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`),
  ];
  if (named.length > 0)
    throw new MeshproofError(
      "usage",
      `--resume uses the options of the interrupted certification: it takes no ${named.join(", ")}`,
      { remedy: "run certify --resume --lab NAME alone" },
    );
}

/** One pair, or a matrix of them; everything is checked before anything is built. */
async function pairsOf({ from, to, matrix }: CertifyOptions): Promise<readonly UpgradePair[]> {
  if (matrix !== undefined) {
    if (from !== undefined || to !== undefined)
      throw new MeshproofError("usage", "--matrix has its own pairs: leave --from and --to out");
    return readMatrix(matrix);
  }
  if (from === undefined || to === undefined)
    throw new MeshproofError("usage", "certify needs --from and --to, or --matrix", {
      remedy: "for example --from 1.19.1 --to 1.19.4",
    });
  return [checkPair({ from, to })];
}
