import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { completed, packFixture } from "#harness/diagnose/fixture.ts";
import { diagnose } from "#harness/diagnose/index.ts";
import { writeEvidence } from "#harness/evidence/evidence.ts";
import { readEvidence, snapshotOf } from "#harness/evidence/snapshot.ts";
import type { Fault, InjectedFault } from "#harness/faults/fault.ts";
import { faultNamed } from "#harness/faults/index.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { diagnoseFiles, evidenceWithSizes } from "#harness/jobs/diagnose.ts";
import { formatMs, monotonicMs, unixNowMs } from "#harness/lib/clock.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { type Finding, namesOneOf } from "#harness/model/finding.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import { repoRoot, writeAtomic } from "#harness/platform/paths.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { waitUntilServedBy } from "#harness/workloads/sampling.ts";
import { takeSysdumps } from "../sysdump/sysdump.ts";
import { commandsToFollow, follow } from "./follow-remedy.ts";
import type { TrialOptions } from "./options.ts";
import type { Check, TrialResult } from "./results.ts";

/** What the trial of every fault needs. */
export interface Trial {
  readonly mesh: Mesh;
  readonly echo: EchoBackends;
  readonly service: string;
  readonly defects: readonly KnownDefect[];
  readonly options: Pick<TrialOptions, "lab" | "sysdump" | "fixtures" | "remedies">;
  readonly dir: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Healing the fault before may take effect slowly. */
const baselineMs = 180_000;
const noticeMs = 180_000;
const greenMs = 240_000;
const serveMs = 60_000;

type Mutable = { -readonly [K in keyof TrialResult]: TrialResult[K] };

/** Injects a fault, checks what `diagnose` says of it, and heals it. Every error is part of the result. */
export async function tryFault(trial: Trial, fault: Fault): Promise<TrialResult> {
  const { mesh, echo, signal } = trial;
  const result: Mutable = { fault: fault.name, at: new Date(unixNowMs()).toISOString(), names: [] };
  try {
    // An earlier finding would be mistaken for the fault's.
    await untilGreen(trial, { what: "nothing to be broken before the fault", withinMs: baselineMs });
    await using injected = await injectFault(fault, { mesh, namespace: echo.namespace, signal });
    result.names = [...injected.names];
    await checks(trial, injected, result);
    if (result.remedy === undefined) await injected.heal();
    else await healAgain(injected, result.remedy.how);
  } catch (error) {
    if (signal.aborted) throw error;
    result.error = messageOf(error);
  }
  return result;
}

/** After the remedy there may be nothing left to heal; what the fault says of that is no failure. */
async function healAgain(injected: InjectedFault, how: "followed" | "no-command"): Promise<void> {
  try {
    await injected.heal();
  } catch (error) {
    if (how === "followed" && error instanceof MeshproofError && error.code === "fault-no-effect") return;
    throw error;
  }
}

async function checks(trial: Trial, injected: InjectedFault, result: Mutable): Promise<void> {
  const { options, dir, say } = trial;
  const folder = join(dir, injected.name);
  const tell = (what: string, { ok, said, ms }: Check): void =>
    say(`  ${ok ? "pass" : "FAIL"}  ${what} after ${formatMs(ms)}: ${said}`);
  result.live = await live(trial, injected, folder);
  tell("live", result.live);
  result.files = await fromFiles([folder], injected);
  tell("files", result.files);
  if (options.fixtures && result.files.ok) {
    const file = await writeFixture(trial, injected, folder);
    if (file !== undefined) {
      result.fixture = file;
      say(`  wrote ${file}: remove ${injected.name} from harness/faults/awaited-fixtures.yaml`);
    }
  }
  const { liveOnly } = faultNamed(injected.name);
  if (options.sysdump && liveOnly !== undefined) {
    result.liveOnly = liveOnly;
    say(`  left out  sysdump: ${liveOnly}`);
  } else if (options.sysdump) {
    result.sysdump = await fromSysdumps(trial, injected);
    tell("sysdump", result.sysdump);
  }
  if (options.remedies && result.live.ok) {
    result.remedy = await remedy(trial, injected);
    tell("remedy", result.remedy);
  }
}

const named = (finding: Finding | undefined): string =>
  finding === undefined ? "nothing found" : `[${finding.layer}] ${finding.message}`;

async function diagnoseMesh({ mesh, defects }: Trial): Promise<readonly Finding[]> {
  return diagnose(snapshotOf(await evidenceWithSizes(mesh)), defects);
}

/** Waits until the first finding names the fault; what was read last is kept in the folder. */
async function live(trial: Trial, injected: InjectedFault, folder: string): Promise<Check> {
  const { mesh, defects, signal } = trial;
  return timed(() =>
    eventually(
      async () => {
        const evidence = await evidenceWithSizes(mesh);
        await rm(folder, { recursive: true, force: true });
        await writeEvidence(evidence, folder);
        const [first] = diagnose(snapshotOf(evidence), defects);
        return namesOneOf(first, injected.names) ? ready(named(first)) : notYet(named(first));
      },
      {
        what: `diagnose to name ${injected.names.join(" or ")}`,
        withinMs: noticeMs,
        everyMs: 1000,
        signal,
      },
    ),
  );
}

const fromFiles = (paths: readonly string[], { names }: InjectedFault): Promise<Check> =>
  timed(async () => {
    const [first] = await diagnoseFiles(paths);
    if (!namesOneOf(first, names)) throw new Error(`the first finding is: ${named(first)}`);
    return named(first);
  });

/** The archives are kept only where the first finding is another one. */
async function fromSysdumps({ options, dir, signal }: Trial, injected: InjectedFault): Promise<Check> {
  const folder = join(dir, "..", "sysdumps", injected.name);
  await rm(folder, { recursive: true, force: true });
  const taken = await timed(async () => (await takeSysdumps(options.lab, folder, signal)).join("\n"));
  if (!taken.ok) return taken;
  const check = await fromFiles(taken.said.split("\n"), injected);
  if (check.ok) await rm(folder, { recursive: true, force: true });
  return { ...check, ms: taken.ms + check.ms };
}

const awaitedFile = "harness/faults/awaited-fixtures.yaml";

/** Undefined if nobody waits for it. */
async function writeFixture(
  { defects }: Trial,
  { name, names }: InjectedFault,
  folder: string,
): Promise<string | undefined> {
  const awaited = z.array(z.string()).parse(parseYaml(await readFile(join(repoRoot(), awaitedFile), "utf8")));
  if (!awaited.includes(name)) return undefined;
  const snapshot = snapshotOf(await readEvidence(folder));
  const [first] = diagnose(completed(snapshot), defects);
  if (!namesOneOf(first, names)) throw new Error(`the fixture of ${name} would begin with: ${named(first)}`);
  const file = `harness/diagnose/fixtures/${name}.json.gz`;
  await writeAtomic(join(repoRoot(), file), packFixture({ fault: name, names: [...names], snapshot }));
  return file;
}

/** Follows what `diagnose` prints now: since it named the fault, pods may have other names. */
async function remedy(trial: Trial, injected: InjectedFault): Promise<NonNullable<TrialResult["remedy"]>> {
  const { mesh, say, signal } = trial;
  const before = await namedAgain(trial, injected);
  if (typeof before === "string")
    return { ok: false, said: `before it, ${before}`, ms: 0, how: "followed", commands: [] };
  const { first, findings } = before;
  const commands = commandsToFollow(
    findings,
    mesh.clusters.map((c) => c.name),
  );
  const lines = commands.map((c) => `${c.cluster}: ${shellQuote(c.argv)}`);
  if (commands.length === 0)
    return { ok: false, said: `no command: ${first.next}`, ms: 0, how: "no-command", commands: [] };
  const check = await timed(async () => {
    await follow(mesh, commands, { say, signal });
    await untilGreen(trial, {
      what: "nothing to be broken after the remedy",
      withinMs: greenMs,
      without: first,
    });
    await untilServed(trial);
    return first.next;
  });
  return { ...check, how: "followed", commands: lines };
}

/**
 * The findings whose first names the fault, or why there are none. A connection that times out for once, for example
 * while an archive is made, may come first for a while.
 */
async function namedAgain(
  trial: Trial,
  { names }: InjectedFault,
): Promise<{ readonly first: Finding; readonly findings: readonly Finding[] } | string> {
  try {
    return await eventually(
      async () => {
        const findings = await diagnoseMesh(trial);
        const [first] = findings;
        return first !== undefined && namesOneOf(first, names)
          ? ready({ first, findings })
          : notYet(named(first));
      },
      {
        what: `diagnose to name ${names.join(" or ")}`,
        withinMs: noticeMs,
        everyMs: 1000,
        signal: trial.signal,
      },
    );
  } catch (error) {
    if (trial.signal.aborted) throw error;
    return messageOf(error);
  }
}

/** No finding is broken, and `without` is not among the suspect ones either. */
async function untilGreen(
  trial: Trial,
  {
    what,
    withinMs,
    without,
  }: { readonly what: string; readonly withinMs: number; readonly without?: Finding },
): Promise<void> {
  await eventually(
    async () => {
      const findings = await diagnoseMesh(trial);
      const left = findings.find(
        (f) => f.severity === "broken" || (f.id === without?.id && f.subject === without?.subject),
      );
      return left === undefined ? ready(undefined) : notYet(named(left));
    },
    { what, withinMs, everyMs: 2000, signal: trial.signal },
  );
}

/** Every cluster's clients get answers from the backends of all clusters. */
async function untilServed({ mesh, echo, service, signal }: Trial): Promise<void> {
  for (const cluster of mesh.clusters)
    await waitUntilServedBy(cluster, { echo, service, by: mesh.clusters }, { withinMs: serveMs, signal });
}

/** An error is what was said. */
async function timed(work: () => Promise<string>): Promise<Check> {
  const startedMs = monotonicMs();
  const ms = (): number => Math.round(monotonicMs() - startedMs);
  try {
    const said = await work();
    return { ok: true, said, ms: ms() };
  } catch (error) {
    return { ok: false, said: messageOf(error), ms: ms() };
  }
}
