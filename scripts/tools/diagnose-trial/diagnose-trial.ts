import { readFile } from "node:fs/promises";
import { join } from "node:path";
import semver from "semver";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import type { Fault } from "#harness/faults/fault.ts";
import { faultNamed, faults } from "#harness/faults/index.ts";
import { lacked } from "#harness/faults/needs.ts";
import { namespaceObject, removeNamespace } from "#harness/kube/namespace.ts";
import { openLab } from "#harness/lab/open-lab.ts";
import { shuffled } from "#harness/lib/random.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { appendToReport } from "#harness/platform/report-files.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { requireLab } from "#harness/state/lab.ts";
import { withLab } from "#harness/state/lock.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { suitesDir } from "#harness/testkit/suite-list.ts";
import { echoService } from "#harness/workloads/echo.ts";
import { EchoBackends } from "#harness/workloads/echo-service.ts";
import { requireCiliumCli } from "../sysdump/sysdump.ts";
import type { TrialOptions } from "./options.ts";
import { latest, outcomeOf, readResults, summary, type TrialResult } from "./results.ts";
import { type Trial, tryFault } from "./try-fault.ts";

interface Work {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const namespace = "mp-diagnose-trial";
const service = "echo";

/**
 * Injects faults one at a time, with a global service deployed: `diagnose` must name the target in its first finding. It
 * never reads the fault journal.
 */
export async function diagnoseTrial(
  options: TrialOptions,
  { say, signal }: Work,
): Promise<{ passed: number; failed: number }> {
  // Before anything is injected.
  if (options.sysdump) requireCiliumCli(await requireLab(options.lab), signal);
  const before = options.resume === undefined ? [] : latest(await readResults(options.resume));
  return withLab(options.lab, signal, (locked) => underLock(options, before, { say, signal: locked }));
}

async function underLock(
  options: TrialOptions,
  before: readonly TrialResult[],
  { say, signal }: Work,
): Promise<{ passed: number; failed: number }> {
  const mesh = await openLab(options.lab, say);
  const { chosen, lacking } = chosenFaults(options, mesh, await reportedFaults());
  const dir = join(reportsDir(), newRunId(), "artifacts");
  const file = options.resume ?? join(dir, "..", "diagnose-trial.jsonl");
  say(`seed ${options.seed}: ${chosen.map((f) => f.name).join(", ")}`);
  for (const { fault, why } of lacking) say(`left out  ${fault.name}: ${why}`);
  say(`results: ${file}; to go on after an interruption: --resume ${file}`);
  const results = before.filter(
    (r) => outcomeOf(r, options) === "passed" && chosen.some((f) => f.name === r.fault),
  );
  for (const { fault } of results) say(`passed before  ${fault}`);
  const left = chosen.filter((f) => !results.some((r) => r.fault === f.name));
  if (left.length > 0) {
    await using workload = await deployed(mesh, signal);
    const defects = await readKnownDefects(suitesDir());
    const trial: Trial = { mesh, echo: workload.echo, service, defects, options, dir, say, signal };
    for (const [i, fault] of left.entries()) {
      say(`${i + 1} of ${left.length}: ${fault.name}`);
      const result = await tryFault(trial, fault);
      results.push(result);
      await appendToReport(file, `${JSON.stringify(result)}\n`);
      say(
        `${outcomeOf(result, options)}  ${fault.name}${result.error === undefined ? "" : `: ${result.error}`}`,
      );
    }
  }
  for (const line of ["", ...summary(results, options), `evidence: ${dir}`]) say(line);
  const count = (outcome: "passed" | "failed"): number =>
    results.filter((r) => outcomeOf(r, options) === outcome).length;
  return { passed: count("passed"), failed: count("failed") };
}

/** The library's names of reported faults; a report of Cilium's own defects may have none. */
async function reportedFaults(): Promise<string[]> {
  const text = await readFile(join(repoRoot(), "harness/faults/reported-faults.yaml"), "utf8");
  const reports = z.array(z.object({ faults: z.array(z.string()) })).parse(parseYaml(text));
  return [...new Set(reports.flatMap((r) => r.faults))];
}

/** The named ones, those that were reported, and those that are drawn from the rest; what the lab lacks is left out. */
export function chosenFaults(
  options: Pick<TrialOptions, "faults" | "reported" | "count" | "seed">,
  mesh: { readonly clusters: readonly Pick<Cluster, "capabilities" | "ciliumVersion">[] },
  reported: readonly string[],
): { readonly chosen: readonly Fault[]; readonly lacking: readonly { fault: Fault; why: string }[] } {
  const whyNot = (fault: Fault): string | undefined => {
    const need = lacked(fault, mesh);
    if (need !== undefined) return `the lab lacks ${need}`;
    if (fault.traceless !== undefined) return `it leaves no trace: ${fault.traceless}`;
    const { shownIn } = fault;
    return shownIn === undefined || mesh.clusters.some((c) => semver.satisfies(c.ciliumVersion, shownIn))
      ? undefined
      : `nothing is wrong with it outside of Cilium ${shownIn}`;
  };
  const named = [...new Set([...options.faults, ...(options.reported ? reported : [])])].map(faultNamed);
  const drawn = shuffled(
    faults.filter((f) => !named.includes(f) && whyNot(f) === undefined),
    options.seed,
  ).slice(0, options.count);
  const lacking = named.flatMap((fault) => {
    const why = whyNot(fault);
    return why === undefined ? [] : [{ fault, why }];
  });
  return { chosen: [...named.filter((f) => whyNot(f) === undefined), ...drawn], lacking };
}

/** Two backends in each cluster behind a global service, removed afterwards. */
async function deployed(
  mesh: Mesh,
  signal: AbortSignal,
): Promise<AsyncDisposable & { readonly echo: EchoBackends }> {
  for (const { kube } of mesh.clusters) await kube.apply(namespaceObject(namespace));
  const echo = await EchoBackends.deploy(mesh.clusters, {
    namespace,
    image: mesh.state.artifacts.agnhostImage,
    replicas: 2,
    withinMs: 120_000,
    signal,
  });
  // The same object everywhere, as applied from one file: a copy of it from another cluster selects the same pods.
  const same = echoService({
    ...{ namespace, name: service, selector: { role: "echo" }, type: "LoadBalancer" },
    annotations: { [annotation.global]: "true" },
  });
  for (const { kube } of mesh.clusters) await kube.apply(same);
  return {
    echo,
    async [Symbol.asyncDispose]() {
      for (const { kube } of mesh.clusters) await removeNamespace(kube, namespace);
    },
  };
}
