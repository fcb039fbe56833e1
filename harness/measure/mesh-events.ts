import type { Cluster } from "#harness/cluster/cluster.ts";
import { agentSelector, apiserverSelector, operatorSelector } from "#harness/cluster/selectors.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { found } from "#harness/lib/found.ts";
import type { MeshEvent } from "#harness/model/certificate.ts";

const watched = {
  agent: agentSelector,
  operator: operatorSelector,
  "clustermesh-apiserver": apiserverSelector,
} as const;

type PodState = "made" | "ready" | "terminating";

/** State changes of Cilium's own pods, as the API servers report them: possible causes of an outage. */
export class MeshEvents implements AsyncDisposable {
  readonly #events: { atUnixMs: number; what: string }[] = [];
  readonly #stop = new AbortController();

  constructor(clusters: readonly Cluster[]) {
    for (const cluster of clusters)
      for (const [component, labelSelector] of Object.entries(watched))
        this.#follow(cluster, component, labelSelector);
  }

  #follow(cluster: Cluster, component: string, labelSelector: string): void {
    const states = new Map<string, { state: PodState; node: string }>();
    let first = true;
    void cluster.kube.follow(
      kinds.pod,
      { namespace: "kube-system", labelSelector },
      (pods) => {
        const say = (node: string, state: string): void => {
          if (!first) this.note(`${component} of ${cluster.name} on ${node} ${state}`);
        };
        const there = new Set<string>();
        for (const pod of pods) {
          const uid = found(pod.metadata.uid, `uid of pod ${pod.metadata.name}`);
          there.add(uid);
          const state: PodState =
            pod.metadata.deletionTimestamp !== undefined ? "terminating" : podReady(pod) ? "ready" : "made";
          const node = String(pod.spec.nodeName ?? "no node yet");
          if (states.get(uid)?.state !== state) say(node, state);
          states.set(uid, { state, node });
        }
        for (const [uid, { node }] of states) {
          if (there.has(uid)) continue;
          states.delete(uid);
          say(node, "gone");
        }
        first = false;
      },
      this.#stop.signal,
    );
  }

  /** Records an action of the harness itself. */
  note(what: string): void {
    this.#events.push({ atUnixMs: unixNowMs(), what });
  }

  /** The events of an interval, from its beginning. */
  between(sinceUnixMs: number, untilUnixMs: number): MeshEvent[] {
    return this.#events
      .filter((e) => e.atUnixMs >= sinceUnixMs && e.atUnixMs < untilUnixMs)
      .map((e) => ({ afterMs: Math.round(e.atUnixMs - sinceUnixMs), what: e.what }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
  }
}
