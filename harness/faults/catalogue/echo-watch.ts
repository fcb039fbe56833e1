import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { eventually, type Look, notYet, ready } from "#harness/lib/eventually.ts";
import type { JournalEntry } from "#harness/model/undo.ts";
import { readFaultJournal } from "#harness/state/fault-journal.ts";

/** A fault that acts in the middle of its suite's tests waits for the next of them as long as the suite runs. */
export const suiteMs = 4 * 3_600_000;
const journalEveryMs = 20;

/** Waits for what a suite's tests do to its echo pods in one cluster, until the signal ends the wait. */
export class EchoWatch {
  readonly #lab: string;
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #signal: AbortSignal;
  readonly #seen = new Set<string>();

  constructor(
    {
      lab,
      cluster,
      namespace,
    }: { readonly lab: string; readonly cluster: Cluster; readonly namespace: string },
    signal: AbortSignal,
  ) {
    this.#lab = lab;
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.#signal = signal;
  }

  /** Until every deployment is scaled to zero and no backend is ready. */
  async none(): Promise<void> {
    await this.#until("no backend", noBackend);
  }

  /** Until every deployment has all its backends. */
  async all(): Promise<void> {
    await this.#until("every backend", everyBackend);
  }

  /** Until a test kills the backends: the journal has that fault before it begins. */
  async killed(): Promise<void> {
    const id = await eventually(
      async () => {
        const kill = (await readFaultJournal(this.#lab)).find(
          (entry) => !this.#seen.has(entry.id) && isKillIn(entry, this.#cluster.name),
        );
        return kill === undefined ? notYet("none") : ready(kill.id);
      },
      { ...this.#wait("killed backends"), everyMs: journalEveryMs },
    );
    this.#seen.add(id);
  }

  #until(what: string, judge: (sets: readonly KubeObject[]) => Look<undefined>): Promise<undefined> {
    const { kube } = this.#cluster;
    return kube.until(kinds.deployment, { namespace: this.#namespace }, judge, this.#wait(what));
  }

  #wait(what: string) {
    return { what: `${what} in ${this.#cluster.name}`, withinMs: suiteMs, signal: this.#signal };
  }
}

/** Whether a fault of the journal kills the backends of a cluster. */
export const isKillIn = ({ fault, undo }: JournalEntry, cluster: string): boolean =>
  fault === "backends-killed" && undo.some((step) => step.do === "replace-pods" && step.cluster === cluster);

const wantedOf = (set: KubeObject): number => Number(set.spec?.replicas ?? 1);
const readyOf = (set: KubeObject): number => Number(set.status?.readyReplicas ?? 0);

export const noBackend = (sets: readonly KubeObject[]): Look<undefined> =>
  lookAt(sets, (set) => wantedOf(set) === 0 && readyOf(set) === 0);

export const everyBackend = (sets: readonly KubeObject[]): Look<undefined> =>
  lookAt(sets, (set) => wantedOf(set) > 0 && readyOf(set) === wantedOf(set));

function lookAt(sets: readonly KubeObject[], holds: (set: KubeObject) => boolean): Look<undefined> {
  if (sets.length > 0 && sets.every(holds)) return ready(undefined);
  return notYet(sets.map((s) => `${s.metadata.name}: ${readyOf(s)} of ${wantedOf(s)}`).join(", "));
}
