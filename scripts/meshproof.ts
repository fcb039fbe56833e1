#!/usr/bin/env node
// The command line: parse, call one run, print.
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { readValues } from "#harness/config/lab-file.ts";
import { type PlanOptions, planLab } from "#harness/config/plan.ts";
import { checkPair, readMatrix } from "#harness/config/upgrade-matrix.ts";
import { checkWritable } from "#harness/config/user-file.ts";
import { faults } from "#harness/faults/index.ts";
import { checkArchiveOption, type ImageOptions } from "#harness/images/options.ts";
import {
  type Certified,
  certificateLines,
  certify,
  certifyMatrix,
  exitCodeOf,
  resumeCertification,
} from "#harness/jobs/certify/index.ts";
import { describeFindings, diagnoseFiles, diagnoseLab, hasUnread, isWrong } from "#harness/jobs/diagnose.ts";
import { endOf, reportsEveryEnding } from "#harness/jobs/end-of.ts";
import { healByHand, injectByHand } from "#harness/jobs/inject.ts";
import { Interruption } from "#harness/jobs/interruption.ts";
import { probeByHand } from "#harness/jobs/probe.ts";
import { prove } from "#harness/jobs/prove.ts";
import { bundle, unpackBundle } from "#harness/jobs/repro/bundle.ts";
import { differenceLines, planRepro } from "#harness/jobs/repro/index.ts";
import { run } from "#harness/jobs/run.ts";
import { RunReport } from "#harness/jobs/run-report.ts";
import { kubectlOf, labLines, labStatus } from "#harness/jobs/status.ts";
import { closingLines, testLab } from "#harness/jobs/test.ts";
import { writeContext } from "#harness/jobs/test-context.ts";
import { testExternal } from "#harness/jobs/test-external.ts";
import { exportCsv, renderAgain } from "#harness/jobs/write-report.ts";
import { labOfOwnerLines, labsOfAllOwners } from "#harness/lab/all-labs.ts";
import { downAll, downForeign, downLab } from "#harness/lab/down.ts";
import { fetchImages, saveArchive } from "#harness/lab/images.ts";
import { mustBuild, preflight } from "#harness/lab/preflight.ts";
import { up } from "#harness/lab/up.ts";
import { durationMs } from "#harness/lib/duration.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { meshproofVersion } from "#harness/lib/meshproof-version.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { meshCommand, shellQuote } from "#harness/lib/shell-quote.ts";
import type { UpgradePair } from "#harness/model/certification-journal.ts";
import { type ProfileName, profileNames } from "#harness/model/profile.ts";
import { examine } from "#harness/platform/doctor/doctor.ts";
import { setUpMachine } from "#harness/platform/doctor/setup.ts";
import { guardOutput, type Piece, paint, stdout } from "#harness/platform/output.ts";
import { terminalProgress } from "#harness/platform/progress.ts";
import { labVariable } from "#harness/state/processes.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { loadSuites, suiteNames } from "#harness/testkit/suite-list.ts";

interface SharedOptions {
  readonly lab: string;
  readonly labFile?: string;
  readonly profile?: ProfileName;
  readonly cilium?: string[];
  readonly kubernetes?: string[];
  readonly values?: string[];
  readonly clusters?: number;
  readonly workers?: number;
  readonly serviceType?: "LoadBalancer" | "NodePort";
  readonly images?: string;
  readonly registryMirror?: string;
}

guardOutput();
// A reader that goes away (`| head`) is no error of the run.
process.stdout.on("error", () => {});
// A terminal that is gone must not keep an error from being handled: telling it would be the next error.
process.stderr.on("error", () => {});
// Set for children only: inherited from a shell it would make that shell's processes look like a lab's orphans.
delete process.env[labVariable];

const say = (...line: readonly Piece[]): void => stdout.print(...line, "\n");
const warn = (text: string): void => void process.stderr.write(`${text}\n`);
const interruption = new Interruption();
const { signal } = interruption;
interruption.listen(warn);
const collect = (value: string, before: string[] = []): string[] => [...before, value];
const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 20)
    throw new InvalidArgumentError("a whole number from 0 to 20");
  return value;
};

const secondsOf = (text: string): number => {
  const seconds = Number(/^(\d+)s?$/.exec(text)?.[1]);
  if (!(seconds > 0)) throw new InvalidArgumentError("a number of seconds, such as 30s");
  return seconds;
};
const timesOf = (text: string): number => {
  const times = Number(text);
  if (!Number.isInteger(times) || times < 1 || times > 1000)
    throw new InvalidArgumentError("a whole number from 1 to 1000");
  return times;
};
interface Timeout {
  readonly text: string;
  readonly ms: number;
}
const timeoutOf = (text: string): Timeout => {
  const ms = durationMs(text);
  if (ms === undefined || ms === 0 || ms > longestTimeoutMs)
    throw new InvalidArgumentError("a duration such as 90s, 60m or 1h30m, at most 500h");
  return { text, ms };
};
const timeoutOption = (): Option =>
  new Option(
    "--timeout <duration>",
    "end the command after this long, such as 60m; clean-up is never cut",
  ).argParser(timeoutOf);
const longestTimeoutMs = 500 * 3_600_000;
const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("a positive number");
  return value;
};

function shared(command: Command): Command {
  return command
    .option("--lab <name>", "name of the lab; two names are two labs", "default")
    .option("--lab-file <file>", "clusters, budgets and values (default: the profile's, in kind-configs/)")
    .addOption(
      new Option("--profile <name>", "the way of meshing (default: the lab file's)").choices(profileNames),
    )
    .option("--cilium <version>", "Cilium version or checkout folder; east=V for one cluster", collect)
    .option("--kubernetes <version>", "Kubernetes version; east=V for one cluster", collect)
    .option("--values <file>", "Helm values laid over every cluster's; east=FILE for one", collect)
    .option(
      "--clusters <n>",
      "how many clusters; those that the lab file does not name are made like its last",
      wholeNumber,
    )
    .option("--workers <n>", "worker nodes per cluster", wholeNumber)
    .addOption(
      new Option("--service-type <type>", "how clustermesh-apiserver is exposed").choices([
        "LoadBalancer",
        "NodePort",
      ]),
    )
    .option(
      "--images <source>",
      "registry, source, archive=FILE, or auto: registry if it answers, else the cache, else source",
      "auto",
    )
    .option("--registry-mirror <host:port>", "plain-HTTP mirror of the public registries");
}

const planOptions = (o: SharedOptions): PlanOptions => ({
  lab: o.lab,
  ...(o.labFile === undefined ? {} : { labFile: o.labFile }),
  ...(o.profile === undefined ? {} : { profile: o.profile }),
  ...(o.cilium === undefined ? {} : { cilium: o.cilium }),
  ...(o.kubernetes === undefined ? {} : { kubernetes: o.kubernetes }),
  ...(o.values === undefined ? {} : { values: o.values }),
  ...(o.clusters === undefined ? {} : { clusters: o.clusters }),
  ...(o.workers === undefined ? {} : { workers: o.workers }),
  ...(o.serviceType === undefined ? {} : { serviceType: o.serviceType }),
});

const imageOptions = (o: SharedOptions): ImageOptions =>
  checkArchiveOption(o.images ?? "auto", o.registryMirror);

/** The line under "Reproduce". */
const commandLine = (): string => meshCommand(...process.argv.slice(2));

/** Of `run` and `test`, however they end; other commands have none. */
const report = reportsEveryEnding(process.argv.slice(2))
  ? new RunReport({
      command: commandLine(),
      meshproof: meshproofVersion,
      signal,
      say,
      onTested: () => interruption.disarm(),
    })
  : undefined;

/** The report of `run` and `test`, once their arguments are parsed. */
async function beginReport(o: {
  lab: string;
  profile?: string;
  timeout?: Timeout;
  summary?: string;
}): Promise<RunReport> {
  if (report === undefined) throw new Error("this command has no report");
  if (o.timeout !== undefined) interruption.arm(o.timeout.ms, o.timeout.text, warn);
  report.about({ lab: o.lab, profile: o.profile ?? "unknown" });
  await report.begin();
  if (o.summary !== undefined) {
    checkWritable(o.summary, "--summary");
    report.summaryTo(o.summary);
  }
  return report;
}

/** How every run of suites ends: the closing lines, then the exit code. */
function conclude({ record, dir }: Awaited<ReturnType<typeof testLab>>, series?: string): void {
  for (const line of closingLines(record, dir, series)) say(line);
  process.exitCode = record.exitCode;
}

async function withProgress<T>(work: (progress: Progress) => Promise<T>): Promise<T> {
  using progress = terminalProgress();
  return work(progress);
}

/** `up`: preflight, then the lab. */
async function bringUp(o: SharedOptions & { setup?: boolean; keep?: boolean }): Promise<void> {
  const plan = await planLab(planOptions(o));
  const chosen = imageOptions(o);
  await withProgress(async (progress) => {
    await preflight({
      plan,
      setup: o.setup ?? false,
      mustBuild: await mustBuild(plan, chosen),
      progress,
      signal,
      ...(chosen.registryMirror === undefined ? {} : { registryMirror: chosen.registryMirror }),
    });
    const result = await up({
      plan,
      runId: newRunId(),
      images: chosen,
      keep: o.keep ?? false,
      progress,
      signal,
    });
    say(`lab ${plan.lab}: ${result.did}`);
    if (result.times !== undefined)
      say(
        Object.entries(result.times)
          .map(([k, v]) => `${k}=${Math.round(v)}`)
          .join(" "),
      );
    for (const line of labLines(result.state)) say(line);
  });
}

const suitesHere = await loadSuites();
const provenSuites = suiteNames(suitesHere, "core", "lab");
const longSuiteNames = suiteNames(suitesHere, "long");

const program = new Command("meshproof")
  .description("End-to-end conformance and failover tests for Cilium Cluster Mesh, on real clusters")
  .version(meshproofVersion)
  .showHelpAfterError("(--help tells what there is)")
  .exitOverride();

shared(program.command("run"))
  .description("the main job: check the machine, get images, bring the lab up, test, report, take it down")
  .argument("[suites...]", `some of: ${provenSuites.join(", ")}; without one, all that the lab file names`)
  .option("--setup", "install and start what the machine lacks (Debian, as root)")
  .option("--keep", "leave the lab up")
  .option("--with-fault <fault>", "inject a fault after each suite's set-up")
  .option("--summary <file>", "also write a Markdown summary")
  .addOption(timeoutOption())
  .action(
    async (
      suites: string[],
      o: SharedOptions & {
        setup?: boolean;
        keep?: boolean;
        withFault?: string;
        summary?: string;
        timeout?: Timeout;
      },
    ) => {
      const report = await beginReport(o);
      const plan = await planLab(planOptions(o));
      report.about(plan);
      const images = imageOptions(o);
      await withProgress(async (progress) =>
        run({
          plan,
          report,
          suites,
          setup: o.setup ?? false,
          keep: o.keep ?? false,
          images,
          mustBuild: await mustBuild(plan, images),
          command: commandLine(),
          progress,
          say,
          signal,
          ...(o.withFault === undefined ? {} : { fault: o.withFault }),
          ...(o.summary === undefined ? {} : { summary: o.summary }),
        }),
      );
    },
  );

program
  .command("doctor")
  .description("check the machine; each finding with its cure")
  .option("--fix", "install and start what is missing (Debian, as root)")
  .option("--registry-mirror <host:port>", "plain-HTTP mirror to ask instead of the public registries")
  .action(async (o: { fix?: boolean; registryMirror?: string }) => {
    if (o.fix === true) await withProgress((progress) => setUpMachine(progress, signal));
    const findings = await examine({
      mustBuild: true,
      signal,
      ...(o.registryMirror === undefined ? {} : { registryMirror: o.registryMirror }),
    });
    const colour = { ok: "green", warn: "yellow", bad: "red" } as const;
    for (const f of findings) {
      say(paint(colour[f.level], f.level.padEnd(4)), ` ${f.name}: ${f.found}`);
      if (f.level !== "ok")
        say(`       needed: ${f.needed}${f.cure === undefined ? "" : `\n       cure: ${f.cure}`}`);
    }
    process.exitCode = findings.some((f) => f.level === "bad") ? 2 : 0;
  });

const images = shared(
  program.command("images").description("get every image and tool of the chosen versions"),
).action(async (o: SharedOptions) => {
  const plan = await planLab(planOptions(o));
  const artifacts = await withProgress((progress) => fetchImages(plan, imageOptions(o), progress, signal));
  for (const [name, c] of Object.entries(artifacts.clusters))
    say(`${name}: Kubernetes ${c.versions.kubernetes}, Cilium ${c.ciliumVersion}: ${c.nodeImage}`);
  say(`images from ${artifacts.source} (${artifacts.reason})`);
});
images
  .command("save")
  .description("write all of it into one archive, with a manifest of digests; options as for `images`")
  .argument("<file>", "the archive to write")
  .action(async (file: string, _own: object, command: Command) => {
    const o = command.optsWithGlobals<SharedOptions>();
    checkWritable(file, "images save FILE");
    const plan = await planLab(planOptions(o));
    await withProgress((progress) => saveArchive(plan, imageOptions(o), file, progress, signal));
    say(`saved ${file}`);
  });

shared(program.command("up"))
  .description("create, install, mesh and wait for the canary service")
  .option("--setup", "install and start what the machine lacks (Debian, as root)")
  .option("--keep", "leave what stands after a failure or Ctrl-C")
  .action(bringUp);

program
  .command("down")
  .description("remove a lab, whatever state it is in")
  .option("--lab <name>", "name of the lab", "default")
  .option("--all", "every lab of this user and state folder, and what a crash left")
  .option(
    "--owner <owner>",
    "with --lab: another owner's, as `status --all-owners` lists them; `unlabelled` for a lab of an earlier version",
  )
  .action(async (o: { lab: string; all?: boolean; owner?: string }, command: Command) => {
    const isNamed = command.getOptionValueSource("lab") !== "default";
    if (o.owner !== undefined && (o.all === true || !isNamed))
      throw new MeshproofError("usage", "--owner removes one lab, which must be named", {
        cure: "give --lab NAME with it, and no --all",
      });
    const { owner } = o;
    const removed = await withProgress((progress) => {
      const within = AbortSignal.timeout(600_000);
      if (o.all === true) return downAll(progress, within);
      return owner === undefined
        ? downLab(o.lab, progress, within)
        : downForeign({ lab: o.lab, owner }, progress, within);
    });
    say(removed.length === 0 ? "nothing was left" : `removed ${removed.join(", ")}`);
  });

program
  .command("status")
  .description("what is up: clusters, nodes, versions, contexts")
  .option("--lab <name>", "name of the lab", "default")
  .option("--all-owners", "instead: the labs of every user and state folder on this Docker daemon")
  .option("--json", "as JSON")
  .action(async (o: { lab: string; allOwners?: boolean; json?: boolean }) => {
    if (o.allOwners === true) {
      const labs = await labsOfAllOwners();
      if (o.json === true) return say(JSON.stringify({ labs }, null, 2));
      for (const line of labOfOwnerLines(labs)) say(line);
      return;
    }
    const status = await labStatus(o.lab, signal);
    if (o.json === true) return say(JSON.stringify(status, null, 2));
    say(
      `lab ${status.lab}, profile ${status.mesh.profile}, images from ${status.imageSource}, clustermesh-apiserver as ${status.mesh.serviceType}, ${status.mesh.connected ? "every agent connected" : "NOT every agent connected"}`,
    );
    if (status.certification !== undefined) say(status.certification);
    for (const c of status.clusters) {
      say(
        `${c.name} (id ${c.id}): Cilium ${c.versions.cilium}, Kubernetes ${c.versions.kubernetes}, pods ${c.podCidr}, services ${c.serviceCidr}`,
      );
      say(`  ${kubectlOf(c)}`);
      for (const n of c.nodes) say(`  ${n.name} ${n.address} ${n.role}${n.running ? "" : " NOT RUNNING"}`);
      for (const r of c.remotes)
        say(`  ${r.agent} -> ${r.cluster}: ${r.ready ? "ready" : "NOT ready"} ${r.status}`);
    }
  });

program
  .command("test")
  .description("run suites against the lab that is up, or against external meshed clusters (--context)")
  .argument(
    "[suites...]",
    `some of: ${provenSuites.join(", ")}; only where they are named: ${longSuiteNames.join(", ")}`,
  )
  .option("--lab <name>", "name of the lab", "default")
  .option("--with-fault <fault>", "inject a fault after each suite's set-up")
  .option(
    "--bugtool",
    "after a failure, collect cilium-bugtool's files too: half a minute of a core per agent",
  )
  .option("--summary <file>", "also write a Markdown summary")
  .option("--repeat <n>", "measure each scenario this often", timesOf, 1)
  .option(
    "--series <file>",
    "add measurements to this file, and make only those that it lacks: a run that was cut off goes on",
  )
  .option("--baseline <file>", "a series of earlier measurements that outages are held against")
  .option("--context <name>", "an external meshed cluster instead of a lab; two or more times", collect)
  .option("--kubeconfig <file>", "of those contexts (default: $KUBECONFIG, else ~/.kube/config)")
  .option("--images <source>", "where the prober's and the backends' images come from, as for `up`", "auto")
  .option("--prober-image <ref>", "where those clusters' nodes find the prober's image")
  .option("--agnhost-image <ref>", "where they find the backends' image")
  .addOption(timeoutOption())
  .option(
    "--write-context <file>",
    "run nothing: write what vitest needs to run suites by hand on the lab, and print the command",
  )
  .action(
    async (
      suites: string[],
      o: {
        context?: string[];
        kubeconfig?: string;
        images: string;
        proberImage?: string;
        agnhostImage?: string;
        lab: string;
        withFault?: string;
        bugtool?: boolean;
        summary?: string;
        repeat: number;
        series?: string;
        baseline?: string;
        timeout?: Timeout;
        writeContext?: string;
      },
    ) => {
      const report = await beginReport(o);
      const wanted = {
        suites,
        runId: report.runId,
        report,
        command: commandLine(),
        say,
        signal,
        bugtool: o.bugtool ?? false,
        repeat: o.repeat,
        ...(o.series === undefined ? {} : { series: o.series }),
        ...(o.baseline === undefined ? {} : { baseline: o.baseline }),
        ...(o.withFault === undefined ? {} : { fault: o.withFault }),
        ...(o.summary === undefined ? {} : { summary: o.summary }),
      };
      const { context } = o;
      if (o.writeContext !== undefined) {
        if (context !== undefined)
          throw new MeshproofError("usage", "--write-context needs a lab: --context names external clusters");
        await writeContext(o.writeContext, o.lab, wanted);
        return say(
          `${shellQuote([`MESHPROOF_RUN=${o.writeContext}`])} npx vitest run --project suites suites/NAME`,
        );
      }
      if (context === undefined) await testLab({ lab: o.lab, ...wanted });
      else
        await withProgress((progress) =>
          testExternal({
            ...wanted,
            contexts: context,
            images: checkArchiveOption(o.images, undefined),
            progress,
            ...(o.kubeconfig === undefined ? {} : { kubeconfig: o.kubeconfig }),
            ...(o.proberImage === undefined ? {} : { proberImage: o.proberImage }),
            ...(o.agnhostImage === undefined ? {} : { agnhostImage: o.agnhostImage }),
          }),
        );
    },
  );

program
  .command("prove")
  .description(
    "break the mesh on purpose: every fault must turn the right tests red, and all is green again after",
  )
  .argument("[suites...]", `only the tables of some of: ${provenSuites.join(", ")}`)
  .option("--lab <name>", "name of the lab", "default")
  .option("--fault <fault>", "only this fault; may be given again", collect)
  .option("--full", "every suite under every fault")
  .option(
    "--resume <run>",
    "go on with a run that was cut off, or whose faults are open: what it settled is kept",
  )
  .action(async (suites: string[], o: { lab: string; fault?: string[]; full?: boolean; resume?: string }) => {
    conclude(
      await prove({
        lab: o.lab,
        suites,
        faults: o.fault ?? [],
        full: o.full ?? false,
        ...(o.resume === undefined ? {} : { resume: o.resume }),
        runId: newRunId(),
        command: commandLine(),
        say,
        signal,
      }),
    );
  });

shared(
  program
    .command("certify")
    .argument("[suites...]", "of the first and the last version (default: all of the lab)"),
)
  .description("certify an upgrade: moves a lab from one Cilium version to another and back, under traffic")
  .option("--from <version>", "the version that runs now")
  .option("--to <version>", "the version to move to")
  .option("--matrix <file>", "several pairs, one after the other: pairs: [{ from: ..., to: ... }]")
  .option("--history <file>", "of the matrix: what earlier runs said (default: beside the matrix file)")
  .option(
    "--order <clusters>",
    "which cluster moves first, such as west,east (default: the lab file's order)",
  )
  .option("--skip-rollback", "end at the new version; nothing is rolled back")
  .option("--full", "every suite in every phase, not at the first and the last alone")
  .option("--new-values <file>", "Helm values for the new version alone", collect)
  .option("--preflight", "run the new chart's own pre-flight check before anything moves")
  .option("--deadline <seconds>", "for moving one cluster (default: the budget upgradeMs)", secondsOf)
  .option("--resume", "go on with the certification of --lab that was cut off, as it was asked for")
  .option("--keep", "leave the lab up")
  .option("--setup", "install and start what the machine lacks (Debian, as root)")
  .action(async (suites: string[], o: SharedOptions & CertifyFlags) => {
    if (o.cilium !== undefined)
      throw new MeshproofError("usage", "certify takes --from and --to, not --cilium");
    const chosen = imageOptions(o);
    for (const file of o.newValues ?? []) await readValues(file, "--new-values");
    const told = (certified: Certified): Certified => {
      for (const line of certificateLines(certified)) say(line);
      return certified;
    };
    const common = { keep: o.keep ?? false, images: chosen, say, signal };
    if (o.resume === true) {
      refuseWithResume(suites, o);
      const { certificate } = told(
        await withProgress((progress) => resumeCertification({ ...common, lab: o.lab, progress })),
      );
      process.exitCode = exitCodeOf([certificate]);
      return;
    }
    const pairs = await pairsOf(o);
    const one = async (pair: UpgradePair): Promise<Certified> => {
      const plan = await planLab({ ...planOptions(o), cilium: [pair.from] });
      const certified = await withProgress(async (progress) => {
        await preflight({
          plan,
          setup: o.setup ?? false,
          mustBuild: await mustBuild(plan, chosen),
          progress,
          signal,
          ...(chosen.registryMirror === undefined ? {} : { registryMirror: chosen.registryMirror }),
        });
        return certify({
          ...common,
          plan,
          pair,
          suites,
          skipRollback: o.skipRollback ?? false,
          full: o.full ?? false,
          newValues: o.newValues ?? [],
          preflight: o.preflight ?? false,
          runId: newRunId(),
          command: commandLine(),
          progress,
          ...(o.order === undefined ? {} : { order: o.order }),
          ...(o.deadline === undefined ? {} : { deadlineMs: o.deadline * 1000 }),
        });
      });
      return told(certified);
    };
    if (o.matrix === undefined) {
      process.exitCode = exitCodeOf([(await one(pairs[0]!)).certificate]);
      return;
    }
    const history = o.history ?? `${o.matrix.replace(/\.ya?ml$/, "")}.history.json`;
    process.exitCode = exitCodeOf(await certifyMatrix(pairs, history, one, say, signal));
  });

interface CertifyFlags {
  readonly from?: string;
  readonly to?: string;
  readonly matrix?: string;
  readonly history?: string;
  readonly order?: string;
  readonly skipRollback?: boolean;
  readonly full?: boolean;
  readonly newValues?: string[];
  readonly preflight?: boolean;
  readonly deadline?: number;
  readonly resume?: boolean;
  readonly keep?: boolean;
  readonly setup?: boolean;
}

/** What was begun keeps to what it was asked for. */
function refuseWithResume(suites: readonly string[], o: CertifyFlags): void {
  const { from, to, matrix, order, skipRollback, full, newValues, preflight, deadline } = o;
  const asked = { from, to, matrix, order, skipRollback, full, newValues, preflight, deadline };
  const named = [
    ...suites,
    ...Object.entries(asked).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`],
    ),
  ];
  if (named.length > 0)
    throw new MeshproofError(
      "usage",
      `--resume goes on as it was asked for: it takes no ${named.join(", ")}`,
      {
        cure: `run certify --resume --lab NAME alone`,
      },
    );
}

/** One pair, or a matrix of them; everything is checked before anything is built. */
async function pairsOf({ from, to, matrix }: CertifyFlags): Promise<readonly UpgradePair[]> {
  if (matrix !== undefined) {
    if (from !== undefined || to !== undefined)
      throw new MeshproofError("usage", "--matrix has its own pairs: leave --from and --to out");
    return readMatrix(matrix);
  }
  if (from === undefined || to === undefined)
    throw new MeshproofError("usage", "certify needs --from and --to, or --matrix", {
      cure: "for example --from 1.19.1 --to 1.19.4",
    });
  return [checkPair({ from, to })];
}

program
  .command("inject")
  .description("break the mesh on purpose, for a while or until Ctrl-C; healed either way")
  .argument("<fault>", "a fault's name; all are listed below")
  .option("--lab <name>", "name of the lab", "default")
  .option("--namespace <name>", "whose objects to work on, for faults of a suite's own objects")
  .addHelpText("after", () => `\nFaults:\n${faults.map((f) => `  ${f.name.padEnd(28)}${f.does}`).join("\n")}`)
  .option("--for <seconds>", "how long, such as 30s", secondsOf)
  .action((fault: string, o: { lab: string; for?: number; namespace?: string }) =>
    injectByHand({
      lab: o.lab,
      fault,
      say,
      signal,
      ...(o.for === undefined ? {} : { seconds: o.for }),
      ...(o.namespace === undefined ? {} : { namespace: o.namespace }),
    }),
  );

program
  .command("heal")
  .description("heal every fault that was injected, also by a command that was killed")
  .option("--lab <name>", "name of the lab", "default")
  .action((o: { lab: string }) => healByHand(o.lab, say));

program
  .command("probe")
  .description("the suites' open-loop prober by hand, from a pod of the lab")
  .argument("<host:port>", "where to, such as a ClusterIP and port")
  .requiredOption("--from <cluster[/node]>", "which prober pod asks")
  .option("--path <path>", "what is asked for", "/hostname")
  .option("--every <ms>", "spacing of requests", positive, 5)
  .option("--for <seconds>", "how long, such as 30s", secondsOf, 10)
  .option("--reuse", "one kept connection instead of a new one a request")
  .option("--out <file>", "keep the whole history (its format: reports/README.md)")
  .option("--lab <name>", "name of the lab", "default")
  .action(
    (
      target: string,
      o: {
        lab: string;
        from: string;
        path: string;
        every: number;
        for: number;
        reuse?: boolean;
        out?: string;
      },
    ) => {
      if (o.out !== undefined) checkWritable(o.out, "--out");
      const [, host, port] = /^(.+):(\d+)$/.exec(target) ?? [];
      if (host === undefined) throw new MeshproofError("usage", `${target} is not of the form host:port`);
      return probeByHand({
        lab: o.lab,
        from: o.from,
        host,
        port: Number(port),
        path: o.path,
        everyMs: o.every,
        seconds: o.for,
        connection: o.reuse === true ? "reused" : "new",
        say,
        signal,
        ...(o.out === undefined ? {} : { out: o.out }),
      });
    },
  );

program
  .command("diagnose")
  .description("say what is wrong, where, and the next step: of a lab, or of the evidence that a run left")
  .argument(
    "[files...]",
    "zips of cilium sysdump, one for each cluster, or folders such as reports/latest/artifacts/<suite>; without one, the lab itself",
  )
  .option("--lab <name>", "name of the lab", "default")
  .option("--json", "as JSON")
  .action(async (files: string[], o: { lab: string; json?: boolean }) => {
    const findings = await (files.length === 0 ? diagnoseLab(o.lab) : diagnoseFiles(files));
    if (o.json === true) say(JSON.stringify({ findings }, null, 2));
    else for (const line of describeFindings(findings)) say(line);
    process.exitCode = isWrong(findings) ? 1 : hasUnread(findings) ? 3 : 0;
  });

shared(program.command("repro"))
  .description(
    "rebuild a mesh of the field as a lab, as near as can be, and hold it; what differs is told first",
  )
  .argument(
    "<files...>",
    "zips of cilium sysdump, Helm values, kubectl's YAML, in any mix; NAME=FILE where a file does not say of which cluster it is",
  )
  .option("--plan", "tell what differs and write the lab file, and build nothing")
  .option("--out <folder>", "where the lab file goes", "repro")
  .option("--setup", "install and start what the machine lacks (Debian, as root)")
  .action(async (files: string[], o: SharedOptions & { plan?: boolean; out: string; setup?: boolean }) => {
    checkWritable(join(o.out, "lab.yaml"), "--out");
    const bundled =
      files.length === 1 && files[0]!.endsWith(".zip") ? await unpackBundle(files[0]!, o.out) : undefined;
    if (bundled !== undefined) {
      say(`a bundle; written: ${bundled.labFile}`);
      if (o.plan !== true) await bringUp({ ...o, labFile: bundled.labFile });
      for (const fault of bundled.faults)
        say(`was in force: ${meshCommand("inject", fault, "--lab", o.lab)}`);
      return;
    }
    const { labFile, draft } = await planRepro(files, o.out);
    for (const line of differenceLines(draft.differences)) say(line);
    say("");
    say(`${draft.differences.filter((d) => d.difference !== "").length} differences; written: ${labFile}`);
    if (o.plan === true) return say(`next: ${meshCommand("up", "--lab-file", labFile)}`);
    await bringUp({ ...o, labFile });
  });

program
  .command("bundle")
  .description(
    "pack a lab that is up, with the faults in force, for `repro FILE` on another machine; no keys",
  )
  .argument("<file>", "the zip to write")
  .option("--lab <name>", "name of the lab", "default")
  .option("--run <run>", "also the report of a finished run: its id, or latest")
  .action(async (file: string, o: { lab: string; run?: string }) => {
    checkWritable(file, "bundle FILE");
    const names = await bundle(o.lab, file, o.run);
    say(`packed ${names.join(", ")} into ${file}`);
  });

program
  .command("report")
  .description("render a finished run again")
  .argument("<run>", "a run id, or latest")
  .option("--csv", "also write every history as CSV beside it")
  .action(async (runId: string, o: { csv?: boolean }) => {
    say(await renderAgain(runId));
    if (o.csv === true) for (const file of await exportCsv(runId)) say(file);
  });

const ended = await endOf(() => program.parseAsync(), { report, signal, warn });
if (ended.record !== undefined && report !== undefined)
  conclude({ record: ended.record, dir: report.dir }, report.series);
if (ended.exitCode !== undefined) process.exitCode = ended.exitCode;
// Kept sockets must not hold the process; what matters was awaited.
process.exit();
