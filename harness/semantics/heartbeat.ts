/** How often clustermesh-apiserver writes its heartbeat (pkg/kvstore/kvstore.go); two missing ones are a lost cluster. */
const heartbeatMs = 60_000;
/** Of a client's status checks, for a cluster of e - 1 nodes (pkg/kvstore/backend.go). */
const statusCheckMs = 30_000;

/**
 * How long a client may take at most to notice that a clustermesh-apiserver is lost, if nothing but the missing heartbeat
 * shows it: two intervals, then the next status check, whose interval grows with the number of nodes in the mesh.
 */
export const noticedWithinMs = (nodes: number): number => 2 * heartbeatMs + statusCheckMs * Math.log1p(nodes);
