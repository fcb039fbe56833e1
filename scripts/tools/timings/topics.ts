import type { TimingTopic } from "#harness/model/timing.ts";

type Noun = readonly [one: string, many: string];

/** What the page of a topic says beside its figures. */
interface TopicText {
  readonly title: string;
  readonly explains: string;
  /** What n counts, and who sees each of them. */
  readonly event: Noun;
  readonly vantage: Noun;
  /** The rows whose names begin so come first. */
  readonly first?: string;
}

const node: Noun = ["node", "nodes"];

export const topics: Readonly<Record<TimingTopic, TopicText>> = {
  propagation: {
    title: "How long a change takes to reach the traffic of the other clusters",
    explains:
      "A change in one cluster, counted from the moment at which its API server confirmed it, until the first or the last answer of a client on a node of another cluster; negative if that was before. Each client opens a connection every 5 ms. A new identity includes what its own agent waits by Cilium's configuration: a random delay of up to 30 s (cilium-identity-max-jitter), and 5 s before the endpoint uses it (identity-change-grace-period). Until then the agent also defers new policies for that pod.",
    event: ["change", "changes"],
    vantage: node,
  },
  "fresh-node": {
    title: "How long a new node takes to reach global services",
    explains:
      "A worker was drained and stopped, its Node and CiliumNode were deleted and Cilium's state wiped; then it was started again. Seen by a pod that waits to be scheduled there, at services with backends in other clusters only.",
    event: ["join", "joins"],
    vantage: ["service", "services"],
    first: "from the first request of a new pod",
  },
  "recovery-overload": {
    title: "What the first backend receives that returns",
    explains:
      "Affinity local, both local replicas gone, the other clusters serve; then one replica returns, and later the other. A time is negative if the first answer came before Kubernetes called the replica Ready. Of the share of the load the smallest value is the worst.",
    event: ["recovery", "recoveries"],
    vantage: node,
  },
  membership: {
    title: "How long a cluster takes to join and to leave a mesh",
    explains:
      "The third cluster is removed from the Helm values of every cluster and added again. Counted from the moment at which Helm returned for the clients' cluster; kubelet, clustermesh-apiserver and agents follow in their own time.",
    event: ["move", "moves"],
    vantage: node,
  },
  "dead-cluster": {
    title: "How long clients are sent to a cluster that died",
    explains:
      "Every node of a cluster is stopped. Counted from the beginning of the stop, which takes seconds and is part of the error, until the last lost request of a client of another cluster. `cacheTTL` begins when the loss is noticed: two heartbeats of a minute (pkg/kvstore/kvstore.go) and a status check, whose interval grows with the number of nodes (pkg/kvstore/backend.go). So 30 s of it are about two and a half minutes for clients.",
    event: ["death", "deaths"],
    vantage: node,
  },
  "failover-delays": {
    title: "Whether a planted delay is measured in its link",
    explains:
      "A deployment of one backend is scaled to zero, without a delay and with one of a known size in one link of the chain; each round gives a pair. `measured`: how much longer the link was than without the delay. `by the fault's record`: for how long the fault really held it back. Rule: the medians of the two differ by at most the larger of 10 % and 30 ms, of at least 15 pairs. A fault learns of the change before the link by a watch of its own, of the same kind as the measurement's, so its record has that error too. No delay can be planted between `agent updated` and `BPF map changed`, and between the map and traffic: these two links are not validated.",
    event: ["pair", "pairs"],
    vantage: node,
  },
};
