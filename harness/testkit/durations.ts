/**
 * Estimated seconds per suite on the default lab, for `--shard`. A table, not the reports of this machine, because
 * shards on several machines must fit together. They affect only the balance, never the result.
 */
const seconds: Readonly<Record<string, number>> = {
  "apiserver-replicas": 120,
  "cache-ttl": 180,
  "certificate-rotation": 150,
  failover: 60,
  "failover-affinity": 120,
  "failover-backends": 600,
  "failover-delays": 180,
  "failover-mesh": 900,
  "failover-migration": 120,
  "failover-rollout": 180,
  "failover-rollout-drain": 180,
  "global-service": 60,
  "health-matrix": 20,
  kvstore: 20,
  "node-discovery": 20,
  policy: 90,
  "restart-order": 240,
};

export const durationOf = (suite: string): number => (seconds[suite] ?? 40) * 1000;
