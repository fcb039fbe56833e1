import type { Cluster } from "#harness/cluster/cluster.ts";
import { agentSelector, apiserverSelector, operatorSelector } from "#harness/cluster/selectors.ts";
import { causeMs } from "#harness/judge/disruption.ts";
import { hasCondition, podReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { found } from "#harness/lib/found.ts";
import { given } from "#harness/lib/given.ts";
import type { MeshEvent } from "#harness/model/certificate.ts";
import { standingNamespace } from "#harness/workloads/standing-pods.ts";
import { policyDefaultKey } from "#harness/workloads/standing-policies.ts";

const watched = {
  agent: agentSelector,
  operator: operatorSelector,
  "clustermesh-apiserver": apiserverSelector,
} as const;

type PodState = "made" | "ready" | "terminating";
type Timed = Omit<MeshEvent, "afterMs" | "untilMs"> & {
  readonly atUnixMs: number;
  /** Of what lasts; infinite until it has ended. */
  untilUnixMs?: number;
};
type Noted = Pick<MeshEvent, "cluster" | "node" | "kind">;

/**
 * Possible causes of an outage, as the API servers report them: state changes of Cilium's own pods, of the pods that
 * carry the traffic, of nodes and policies, and of the meaning of policies without a cluster label.
 */
export class MeshEvents implements AsyncDisposable {
  readonly #events: Timed[] = [];
  readonly #nodeOf = new Map<string, string>();
  /** Objects that are being disturbed on purpose: what happens to them follows from that. */
  readonly #disturbed = new Set<string>();
  readonly #stop = new AbortController();

  constructor(clusters: readonly Cluster[]) {
    for (const cluster of clusters) {
      for (const [component, labelSelector] of Object.entries(watched))
        this.#followPods(cluster, { namespace: "kube-system", labelSelector }, () => component);
      this.#followPods(cluster, { namespace: standingNamespace }, (pod) => `pod ${pod.metadata.name}`);
      this.#followNodes(cluster);
      this.#followPolicies(cluster);
      this.#followMeaning(cluster);
    }
  }

  #followPods(
    cluster: Cluster,
    where: { readonly namespace: string; readonly labelSelector?: string },
    nameOf: (pod: KubeObject) => string,
  ): void {
    const states = new Map<
      string,
      { state: PodState; node: string | undefined; name: string; pod: string }
    >();
    let first = true;
    void cluster.kube.follow(
      kinds.pod,
      where,
      (pods) => {
        const say = (
          { node, name, pod }: { node: string | undefined; name: string; pod: string },
          state: string,
        ): void => {
          if (first) return;
          const where = node === undefined ? "on no node yet," : `on ${node}`;
          this.#add(
            {
              what: `${name} of ${cluster.name} ${where} ${state}`,
              cluster: cluster.name,
              ...given({ node }),
            },
            [pod, ...(node === undefined ? [] : [node])],
          );
        };
        const there = new Set<string>();
        for (const pod of pods) {
          const uid = found(pod.metadata.uid, `uid of pod ${pod.metadata.name}`);
          there.add(uid);
          const state: PodState =
            pod.metadata.deletionTimestamp !== undefined ? "terminating" : podReady(pod) ? "ready" : "made";
          const at = {
            node: pod.spec.nodeName === undefined ? undefined : String(pod.spec.nodeName),
            name: nameOf(pod),
            pod: pod.metadata.name,
          };
          if (at.node !== undefined) this.#nodeOf.set(pod.metadata.name, at.node);
          if (states.get(uid)?.state !== state) say(at, state);
          states.set(uid, { state, ...at });
        }
        for (const [uid, at] of states) {
          if (there.has(uid)) continue;
          states.delete(uid);
          say(at, "gone");
        }
        first = false;
      },
      this.#stop.signal,
    );
  }

  #followNodes(cluster: Cluster): void {
    const readiness = new Map<string, boolean>();
    void cluster.kube.follow(
      kinds.node,
      {},
      (nodes) => {
        for (const node of nodes) {
          const { name } = node.metadata;
          const isReady = hasCondition(node, "Ready");
          const was = readiness.get(name);
          readiness.set(name, isReady);
          if (was !== undefined && was !== isReady)
            this.#add(
              {
                what: `node ${name} of ${cluster.name} ${isReady ? "ready" : "not ready"}`,
                cluster: cluster.name,
                node: name,
              },
              [name],
            );
        }
      },
      this.#stop.signal,
    );
  }

  #followPolicies(cluster: Cluster): void {
    for (const kind of [kinds.ciliumNetworkPolicy, kinds.networkPolicy]) {
      let known: ReadonlyMap<string, number> | undefined;
      void cluster.kube.follow(
        kind,
        { namespace: standingNamespace },
        (policies) => {
          const now = new Map(policies.map((p) => [p.metadata.name, p.metadata.generation ?? 0]));
          for (const line of known === undefined ? [] : changesOf(known, now))
            this.#add(
              { what: `${kind.kind} ${line.name} of ${cluster.name} ${line.change}`, cluster: cluster.name },
              [line.name],
            );
          known = now;
        },
        this.#stop.signal,
      );
    }
  }

  /** Agents read the ConfigMap when they start, so its change is the cause, before the restart of an agent. */
  #followMeaning(cluster: Cluster): void {
    let known: string | undefined;
    void cluster.kube.follow(
      kinds.configMap,
      { namespace: "kube-system" },
      (objects) => {
        const config = objects.find((o) => o.metadata.name === "cilium-config");
        if (config === undefined) return;
        const now = String(config.data?.[policyDefaultKey] ?? "false");
        if (known !== undefined && now !== known)
          this.#add({
            what: `${policyDefaultKey} of ${cluster.name} is ${now}, was ${known}: ${meaningOf(now)}`,
            cluster: cluster.name,
            kind: "policy meaning",
          });
        known = now;
      },
      this.#stop.signal,
    );
  }

  #add(event: Omit<Timed, "atUnixMs">, subjects: readonly string[] = []): void {
    const follows = subjects.some((s) => [...this.#disturbed].some((d) => s === d || s.startsWith(`${d}-`)));
    this.#events.push({
      atUnixMs: unixNowMs(),
      ...event,
      ...(follows ? { kind: "disturbance" as const } : {}),
    });
  }

  /** Records an action of the harness itself. */
  note(what: string, more: Noted = {}): void {
    this.#add({ what, ...more });
  }

  /** Records what lasts until it is disposed of. */
  lasting(what: string, more: Noted = {}): Disposable {
    const event: Timed = { atUnixMs: unixNowMs(), untilUnixMs: Number.POSITIVE_INFINITY, what, ...more };
    this.#events.push(event);
    return {
      [Symbol.dispose]: () => {
        event.untilUnixMs = unixNowMs();
      },
    };
  }

  /**
   * Until it is disposed of, what happens to these nodes, policies and pods, or to pods of these deployments, follows from
   * a disturbance.
   */
  disturbing(names: readonly string[]): Disposable {
    for (const name of names) this.#disturbed.add(name);
    return {
      [Symbol.dispose]: () => {
        for (const name of names) this.#disturbed.delete(name);
      },
    };
  }

  /** The events of an interval, from its beginning. */
  between(sinceUnixMs: number, untilUnixMs: number): MeshEvent[] {
    return this.#events
      .filter((e) => e.atUnixMs >= sinceUnixMs && e.atUnixMs < untilUnixMs)
      .map((e) => after(e, sinceUnixMs, untilUnixMs));
  }

  /**
   * The events that may have caused what was lost in an interval: also those just before it, those that lasted into it,
   * and every change of the meaning of policies. Those before it have negative times.
   */
  leadingTo(sinceUnixMs: number, untilUnixMs: number): MeshEvent[] {
    return this.#events
      .filter(
        (e) =>
          e.atUnixMs < untilUnixMs &&
          ((e.untilUnixMs ?? e.atUnixMs) >= sinceUnixMs - causeMs || e.kind === "policy meaning"),
      )
      .map((e) => after(e, sinceUnixMs, untilUnixMs));
  }

  /** The node that a pod of the traffic ran on last. */
  nodeOf = (pod: string): string | undefined => this.#nodeOf.get(pod);

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
  }
}

/** What has not ended lasts until the end of the interval. */
const after = (
  { atUnixMs, untilUnixMs: ended, ...event }: Timed,
  sinceUnixMs: number,
  untilUnixMs: number,
): MeshEvent => ({
  afterMs: Math.round(atUnixMs - sinceUnixMs),
  ...event,
  ...(ended === undefined ? {} : { untilMs: Math.round(Math.min(ended, untilUnixMs) - sinceUnixMs) }),
});

const meaningOf = (value: string): string =>
  value === "true"
    ? "policies without a cluster label select its own pods only"
    : "policies without a cluster label select the pods of every cluster";

/** What was added, changed and removed, by name. */
function changesOf(
  before: ReadonlyMap<string, number>,
  now: ReadonlyMap<string, number>,
): { readonly name: string; readonly change: string }[] {
  return [...new Set([...before.keys(), ...now.keys()])].flatMap((name) => {
    const [was, is] = [before.get(name), now.get(name)];
    if (was === is) return [];
    return [{ name, change: was === undefined ? "added" : is === undefined ? "removed" : "changed" }];
  });
}
