import { mkdir } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { certify as judge } from "#harness/check/certification.ts";
import { disturbances } from "#harness/check/host.ts";
import { changesOf, type LastingState } from "#harness/check/lasting-state.ts";
import { readValues } from "#harness/config/lab-file.ts";
import { type LabPlan, mergeValues } from "#harness/config/plan.ts";
import type { UpgradePair } from "#harness/config/upgrade-matrix.ts";
import type { Certificate, PhaseRecord } from "#harness/core/certificate.ts";
import { formatMs, monotonicMs, unixNowMs, wallLabel } from "#harness/core/clock.ts";
import { MeshproofError, messageOf } from "#harness/core/errors.ts";
import { pause, throwIfAborted } from "#harness/core/eventually.ts";
import type { Progress } from "#harness/core/progress.ts";
import type { SuiteRecord } from "#harness/core/record.ts";
import { output } from "#harness/host/command.ts";
import { imageId } from "#harness/host/docker.ts";
import { helmPreflight, releaseValues } from "#harness/host/helm.ts";
import { kernelRelease } from "#harness/host/machine.ts";
import { repoRoot } from "#harness/host/paths.ts";
import { HostWatch } from "#harness/host/watch.ts";
import { type LabState, lockLab, writeLabState } from "#harness/lab/lab.ts";
import { reapLab } from "#harness/lab/reap.ts";
import { Mesh } from "#harness/mesh/mesh.ts";
import { standingNamespace } from "#harness/mesh/standing-workload.ts";
import { changeVersion } from "#harness/mesh/upgrade.ts";
import { collectEvidence, writeEvidence } from "#harness/observe/evidence.ts";
import { lastingState } from "#harness/observe/lasting-state.ts";
import { reportsDir } from "#harness/run-environment.ts";
import { openLab } from "../open-lab.ts";
import { suiteNames } from "../suites.ts";
import { testLab } from "../test.ts";
import { up } from "../up.ts";
import { compareCharts } from "./compare-charts.ts";
import { forgetJournal, type Journal, readJournal, whereItIs, writeJournal } from "./journal.ts";
import { orderOf, type Phase, phasesOf, versionBefore } from "./phases.ts";
import { artifactsOfBoth, type BothArtifacts, type Images, loadImages, type Side } from "./prepare.ts";
import { type Standing, startStanding } from "./standing.ts";
import { writeCertificate } from "./write-certificate.ts";

export interface CertifyOptions {
  /** The lab, on the old version. */
  readonly plan: LabPlan;
  readonly pair: UpgradePair;
  readonly order?: string;
  readonly skipRollback: boolean;
  /** Every suite in every phase. */
  readonly full: boolean;
  /** Values for the new version alone: files, as `--values` takes them. */
  readonly newValues: readonly string[];
  readonly preflight: boolean;
  /** For moving one cluster; the budget `upgradeMs` by default. */
  readonly deadlineMs?: number;
  readonly resume: boolean;
  readonly keep: boolean;
  readonly images: Images;
  readonly runId: string;
  readonly command: string;
  readonly progress: Progress;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Certified {
  readonly certificate: Certificate;
  readonly dir: string;
}

/** Suites of every phase in between. */
const betweenSuites = ["global-service", "policy"];
/** How long a phase in which nothing moves is watched. */
const quietMs = 20_000;
/** After a change: what comes late belongs to it. */
const afterMs = 10_000;
/** What a capture saw is here by then. */
const flushMs = 1500;

/** Moves a lab from one version to another and back under traffic, and says what it cost. */
export async function certify(options: CertifyOptions): Promise<Certified> {
  const { plan, pair, progress, signal } = options;
  const order = orderOf(
    plan.clusters.map((c) => c.name),
    options.order,
  );
  const before = await readJournal(plan.lab);
  if (before !== undefined && !options.resume)
    throw new MeshproofError("config-conflict", whereItIs(plan.lab, before), {
      cure: `add --resume to go on, or run \`npm run mesh -- down --lab ${plan.lab}\` to clean up`,
    });
  if (before !== undefined && (before.from !== pair.from || before.to !== pair.to))
    throw new MeshproofError("config-conflict", whereItIs(plan.lab, before), {
      cure: `--resume goes on with --from ${before.from} --to ${before.to}`,
    });
  if (before === undefined && options.resume)
    throw new MeshproofError("usage", `no certification was cut off in lab ${plan.lab}`, {
      cure: "leave --resume out",
    });
  const own = await Promise.all(options.newValues.map(readValues));
  const newValues = own.reduce(mergeValues, {});
  const artifacts = await artifactsOfBoth(plan, pair, options.images, progress, signal);
  await using _lock = await lockLab(plan.lab);
  if (before === undefined)
    await up({ plan, runId: options.runId, images: options.images, keep: options.keep, progress, signal });
  try {
    const mesh = await openLab(plan.lab, options.say);
    const journal: Journal = before ?? {
      ...pair,
      order,
      skipRollback: options.skipRollback,
      full: options.full,
      runId: options.runId,
      startedAt: wallLabel(),
      given: await givenValues(mesh, artifacts, signal),
      findings: [],
      done: [],
      current: "baseline",
    };
    const run = new Certification(options, artifacts, newValues, mesh.state, journal);
    const certified = await run.run();
    await forgetJournal(plan.lab);
    return certified;
  } finally {
    if (!options.keep)
      await progress.step(`remove lab ${plan.lab}`, () => reapLab(plan.lab, AbortSignal.timeout(300_000)));
  }
}

/** What each cluster's release was given before anything moves. */
async function givenValues(
  mesh: Mesh,
  artifacts: BothArtifacts,
  signal: AbortSignal,
): Promise<Journal["given"]> {
  const { helm } = artifacts.old.tools;
  const entries = mesh.clusters.map(
    async ({ name, kubeconfig }) => [name, await releaseValues({ helm, kubeconfig, signal })] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

class Certification {
  readonly #options: CertifyOptions;
  readonly #artifacts: BothArtifacts;
  readonly #newValues: Record<string, unknown>;
  readonly #dir: string;
  readonly #phases: readonly Phase[];
  #state: LabState;
  #journal: Journal;
  #survives = new Map<string, LastingState>();
  /** Up to when the captures were judged. */
  #watchedUntil = 0;
  #suites: readonly SuiteRecord[] = [];

  constructor(
    options: CertifyOptions,
    artifacts: BothArtifacts,
    newValues: Record<string, unknown>,
    state: LabState,
    journal: Journal,
  ) {
    this.#options = options;
    this.#artifacts = artifacts;
    this.#newValues = newValues;
    this.#state = state;
    this.#journal = journal;
    this.#dir = join(reportsDir(), journal.runId);
    this.#phases = phasesOf(journal.order, journal.skipRollback);
  }

  get #mesh(): Mesh {
    return new Mesh(this.#state);
  }

  async run(): Promise<Certified> {
    const { progress, signal, say } = this.#options;
    await mkdir(join(this.#dir, "histories"), { recursive: true });
    await writeJournal(this.#state.lab, this.#journal);
    await progress.step("put the new version's images onto the nodes", () =>
      loadImages(this.#mesh, this.#artifacts.new, signal),
    );
    const first = this.#phases.findIndex((p) => p.name === this.#journal.current);
    await this.#goBackTo(first);
    if (first === 0) await this.#note({ findings: await this.#compare() });
    // Histories of a certification that goes on are files of their own.
    const part = this.#journal.done.length;
    await using standing = await startStanding(
      this.#mesh,
      (title) => join(this.#dir, "histories", `${part}-${title.replace(/[^a-z0-9]+/gi, "-")}.ndjson`),
      progress,
      signal,
    );
    const nodes = (await Promise.all(this.#mesh.clusters.map((c) => c.nodes()))).flat();
    await using watch = await HostWatch.start(
      nodes.map((n) => n.name),
      this.#dir,
    );
    this.#watchedUntil = standing.guardedUnixMs;
    this.#survives = await this.#lasting();
    for (const phase of this.#phases.slice(first)) {
      throwIfAborted(signal, phase.name);
      await this.#note({ current: phase.name });
      const record = await this.#phase(phase, standing, watch);
      await this.#keep(record);
      if (record.error === null) continue;
      const { change } = phase;
      if (change === undefined) break;
      say(`  ${record.error}`);
      const back = versionBefore(this.#phases, this.#phases.indexOf(phase), change.cluster);
      const name = `roll back ${change.cluster} after the failure`;
      await this.#keep(
        await this.#phase(
          { name, change: { cluster: change.cluster, to: back }, suites: "between" },
          standing,
          watch,
        ),
      );
      break;
    }
    await standing.traffic.stop();
    const certificate = await this.#certificate();
    await writeCertificate(this.#dir, certificate);
    return { certificate, dir: this.#dir };
  }

  /** An interrupted change may be half done: its cluster goes back to what it ran before, unmeasured. */
  async #goBackTo(index: number): Promise<void> {
    const { change, name } = this.#phases[index]!;
    if (change === undefined) return;
    const to = versionBefore(this.#phases, index, change.cluster);
    await this.#options.progress.step(`bring ${change.cluster} back to where "${name}" began`, () =>
      this.#move(change.cluster, to),
    );
  }

  async #note(news: Partial<Journal>): Promise<void> {
    this.#journal = { ...this.#journal, ...news };
    await writeJournal(this.#state.lab, this.#journal);
  }

  async #keep(record: PhaseRecord): Promise<void> {
    await this.#note({ done: [...this.#journal.done, record] });
    const lost = record.disruptions.reduce((sum, d) => sum + d.lost, 0);
    const gap = Math.max(0, ...record.disruptions.map((d) => (d.lost > 0 ? d.longestGapMs : 0)));
    this.#options.say(
      `${record.name}: ${formatMs(record.durationMs)}, ${lost} requests lost, longest gap ${gap} ms, ${record.leaks.length} leaks, ${record.suites.reduce((n, s) => n + s.failures.length, 0)} tests failed`,
    );
  }

  /** What the release was given at first, that version's images, and what the operator has for the new one alone. */
  #valuesFor(cluster: string, side: Side): Record<string, unknown> {
    return [
      this.#artifacts[side].clusters[cluster]!.imageValues,
      side === "new" ? this.#newValues : {},
    ].reduce(mergeValues, this.#journal.given[cluster]!);
  }

  /** Moves a cluster and tells the lab's state, by which the suites judge. */
  async #move(cluster: string, to: Side): Promise<void> {
    const mesh = this.#mesh;
    const artifacts = this.#artifacts[to].clusters[cluster]!;
    const withinMs = this.#options.deadlineMs ?? this.#state.plan.budgets.upgradeMs;
    const deadline = AbortSignal.timeout(withinMs + 5000);
    await changeVersion(
      {
        helm: this.#artifacts[to].tools.helm,
        cluster: mesh.cluster(cluster),
        clusters: mesh.clusters,
        artifacts,
        values: this.#valuesFor(cluster, to),
      },
      { withinMs, signal: AbortSignal.any([this.#options.signal, deadline]) },
    );
    const { plan } = this.#state;
    this.#state = {
      ...this.#state,
      plan: {
        ...plan,
        clusters: plan.clusters.map((c) =>
          c.name === cluster ? { ...c, cilium: artifacts.versions.cilium } : c,
        ),
      },
      artifacts: {
        ...this.#state.artifacts,
        clusters: { ...this.#state.artifacts.clusters, [cluster]: artifacts },
      },
    };
    await writeLabState(this.#state);
  }

  async #phase(phase: Phase, { traffic, leaks, events }: Standing, watch: HostWatch): Promise<PhaseRecord> {
    const { progress, signal } = this.#options;
    const sinceMs = monotonicMs();
    const since = unixNowMs();
    const { change } = phase;
    const error = await progress.step(phase.name, async (step) => {
      if (change === undefined) {
        const trouble = await this.#preflight();
        if (trouble === null) await pause(quietMs, signal);
        return trouble;
      }
      const version = this.#artifacts[change.to].clusters[change.cluster]!.ciliumVersion;
      events.note(`helm upgrade of ${change.cluster} to ${version}`);
      try {
        await this.#move(change.cluster, change.to);
        events.note(`${change.cluster} runs ${version}`);
        step.detail("waiting for traffic to be whole");
        await traffic.settled();
        await pause(afterMs, signal);
        return null;
      } catch (failure) {
        throwIfAborted(signal, phase.name);
        await this.#evidence(phase.name);
        return `moving ${change.cluster} to ${version} did not end well: ${messageOf(failure)}`;
      }
    });
    const until = unixNowMs();
    const untilMs = monotonicMs();
    const happened = events.between(since, until);
    const disruptions = traffic.disruptions(since, until, happened);
    const rig = [
      ...traffic.rigTroubles(since, until),
      ...disturbances(watch.samples, this.#state.plan.rig, sinceMs, untilMs),
    ];
    const changed: string[] = [];
    if (error === null)
      for (const [cluster, state] of await this.#lasting())
        changed.push(...changesOf(cluster, this.#survives.get(cluster)!, state));
    const suites = error === null ? await this.#test(phase) : [];
    const end = unixNowMs();
    // One stretch begins where the last one ended: a leak between two phases is a leak.
    const watchedSince = this.#watchedUntil;
    this.#watchedUntil = end;
    await pause(flushMs, signal);
    return {
      name: phase.name,
      versions: Object.fromEntries(this.#mesh.clusters.map((c) => [c.name, c.ciliumVersion])),
      durationMs: Math.round(end - since),
      disruptions,
      deniedSent: traffic.deniedSent(since, end),
      // Beside the suites too: denied traffic must stay denied at every instant.
      leaks: leaks.leaks(watchedSince, end),
      events: happened,
      changed,
      suites,
      rig: [...rig, ...leaks.troubles],
      error,
    };
  }

  async #preflight(): Promise<string | null> {
    if (!this.#options.preflight) return null;
    for (const cluster of this.#mesh.clusters) {
      const { kubeconfig, name } = cluster;
      const { signal } = this.#options;
      const { helm } = this.#artifacts.new.tools;
      const { chartDir, imageValues } = this.#artifacts.new.clusters[name]!;
      const given = this.#journal.given[name]!;
      const values = {
        ...imageValues,
        preflight: { ...((imageValues.preflight ?? {}) as object), enabled: true },
        agent: false,
        operator: { enabled: false },
        k8sServiceHost: given.k8sServiceHost,
        k8sServicePort: given.k8sServicePort,
      };
      try {
        await helmPreflight({ helm, kubeconfig, chartDir, values, signal, timeoutMs: 180_000 });
      } catch (error) {
        throwIfAborted(signal, "pre-flight check");
        return `the chart's pre-flight check failed in ${name}: ${messageOf(error)}`;
      }
    }
    return null;
  }

  async #test(phase: Phase): Promise<PhaseRecord["suites"]> {
    const all = phase.suites === "all" || this.#journal.full;
    const asked = all ? [...suiteNames, ...this.#state.plan.suites] : betweenSuites;
    const { record } = await testLab({
      lab: this.#state.lab,
      suites: asked,
      runId: phase.name.replaceAll(" ", "-"),
      reportsDir: join(this.#dir, "runs"),
      command: this.#options.command,
      say: this.#options.say,
      signal: this.#options.signal,
    });
    throwIfAborted(this.#options.signal, phase.name);
    if (phase.suites === "all") this.#suites = record.suites;
    const missing = asked.filter(
      (name) => !record.suites.some((s) => s.name === name && s.tests.length + s.errors.length > 0),
    );
    const absent = missing.map((name) => ({
      name,
      run: record.runId,
      tests: {},
      failures: ["it did not run"],
    }));
    const ran = record.suites.filter((s) => !missing.includes(s.name));
    return [
      ...absent,
      ...ran.map((s) => ({
        name: s.name,
        run: record.runId,
        tests: Object.fromEntries(
          [...Map.groupBy(s.tests, (t) => t.outcome)].map(([outcome, tests]) => [outcome, tests.length]),
        ),
        failures: [
          ...s.errors,
          ...s.tests.filter((t) => t.outcome === "fail").map((t) => `${t.name}: ${t.reasons[0] ?? ""}`),
        ],
      })),
    ];
  }

  async #lasting(): Promise<Map<string, LastingState>> {
    const states = await Promise.all(
      this.#mesh.clusters.map(
        async (c) => [c.name, await lastingState(c, standingNamespace, this.#options.signal)] as const,
      ),
    );
    return new Map(states);
  }

  async #evidence(phase: string): Promise<void> {
    const evidence = await collectEvidence(this.#mesh, { logs: true });
    await writeEvidence(evidence, join(this.#dir, "artifacts", phase.replaceAll(" ", "-")));
  }

  /** What the charts alone say of the upgrade, before anything moves. */
  async #compare(): Promise<string[]> {
    const { name, values, kubernetes } = this.#state.plan.clusters[0]!;
    const { helm } = this.#artifacts.old.tools;
    const side = (of: Side) => ({
      chartDir: this.#artifacts[of].clusters[name]!.chartDir,
      values: this.#valuesFor(name, of),
    });
    return compareCharts({
      helm,
      from: side("old"),
      to: side("new"),
      own: mergeValues(values, this.#newValues),
      kubernetes,
      signal: this.#options.signal,
    });
  }

  async #certificate(): Promise<Certificate> {
    const { pair, command } = this.#options;
    const { plan } = this.#state;
    const { done, findings } = this.#journal;
    const judged = judge(done, plan.budgets, findings);
    const tests = this.#suites.flatMap((s) => s.tests);
    const named = (outcome: string): string[] =>
      tests
        .filter((t) => t.outcome === outcome)
        .map((t) => `${t.suite}: ${t.name}${t.reasons.length === 0 ? "" : ` (${t.reasons.join("; ")})`}`);
    return {
      apiVersion: "meshproof/v1",
      kind: "UpgradeCertificate",
      ...pair,
      order: [...this.#journal.order],
      verdict: judged.verdict,
      reasons: [...judged.reasons],
      findings: [...judged.findings],
      date: wallLabel(),
      runId: this.#journal.runId,
      command,
      harness: (
        await output("git", ["-C", repoRoot(), "rev-parse", "--short", "HEAD"]).catch(() => "unknown")
      ).trim(),
      profile: plan.profile,
      kernel: kernelRelease(),
      machine: `${availableParallelism()} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB`,
      clusters: plan.clusters.map((c) => {
        const { nodeImage, nodeImageId } = this.#artifacts.old.clusters[c.name]!;
        const nodes = c.kindConfig.nodes.map((n) => n.role);
        return { name: c.name, id: c.id, kubernetes: c.kubernetes, nodes, nodeImage, nodeImageId };
      }),
      images: [...(await this.#imagesOf("old", pair.from)), ...(await this.#imagesOf("new", pair.to))],
      budgets: { upgradeGapMs: plan.budgets.upgradeGapMs },
      features: {
        supported: this.#suites
          .filter(
            (s) => s.tests.some((t) => t.outcome === "pass") && s.tests.every((t) => t.outcome !== "fail"),
          )
          .map((s) => s.name),
        unsupported: named("unsupported"),
        skipped: named("skipped"),
      },
      phases: [...done],
    };
  }

  /** By digest: the daemon's own, or the registry's. */
  async #imagesOf(side: Side, version: string): Promise<Certificate["images"]> {
    const artifacts = this.#artifacts[side];
    const [any] = Object.values(artifacts.clusters);
    if (any!.ciliumImages.length === 0)
      return artifacts.provenance
        .filter((p) => p.version === version)
        .map((p) => ({ version, reference: p.name, id: p.sum }));
    return Promise.all(
      any!.ciliumImages.map(async (reference) => ({
        version,
        reference,
        id: (await imageId(reference)) ?? "gone",
      })),
    );
  }
}
