import type { Cluster } from "#harness/cluster/cluster.ts";
import { endpointsLeft } from "#harness/kube/endpoint-slices.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
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

  /** Until a test begins a fault in the cluster: the journal has it before it acts. */
  async fault(name: "backends-killed" | "scale-to-zero"): Promise<void> {
    const id = await eventually(
      async () => {
        const begun = (await readFaultJournal(this.#lab)).find(
          (entry) => !this.#seen.has(entry.id) && isFaultIn(entry, name, this.#cluster.name),
        );
        return begun === undefined ? notYet("none") : ready(begun.id);
      },
      { ...this.#wait(name), everyMs: journalEveryMs },
    );
    this.#seen.add(id);
  }

  /** When the EndpointSlices of the cluster's own backends name none any more, in Unix milliseconds. */
  announced(): Promise<number> {
    const { kube } = this.#cluster;
    return kube.until(
      kinds.endpointSlice,
      { namespace: this.#namespace },
      (slices) => {
        const left = endpointsLeft(slices, false);
        return left === 0 ? ready(unixNowMs()) : notYet(`${left} endpoints`);
      },
      this.#wait("EndpointSlices without a backend"),
    );
  }

  #until(what: string, judge: (sets: readonly KubeObject[]) => Look<undefined>): Promise<undefined> {
    const { kube } = this.#cluster;
    return kube.until(kinds.deployment, { namespace: this.#namespace }, judge, this.#wait(what));
  }

  #wait(what: string) {
    return { what: `${what} in ${this.#cluster.name}`, withinMs: suiteMs, signal: this.#signal };
  }
}

/** Whether an entry of the journal is a fault in a cluster. */
export const isFaultIn = ({ fault, undo }: JournalEntry, name: string, cluster: string): boolean =>
  fault === name && undo.some((step) => "cluster" in step && step.cluster === cluster);

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
