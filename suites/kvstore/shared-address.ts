import { entriesUnder } from "#harness/cilium/kvstore/kvstore.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { ghostAddress, makeGhost, someEndpoint } from "#harness/faults/catalogue/ghost.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { kinds } from "#harness/kube/kube.ts";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";
import type { Within } from "#harness/testkit/within.ts";

/** Where the kvstore keeps addresses of endpoints. */
const prefix = "cilium/state/ip/v1/default/";

/** The CiliumEndpoints of the test: two for one address, and one that is only created to see how far the kvstore is. */
const names = {
  first: "shared-address-first",
  second: "shared-address-second",
  later: "shared-address-later",
} as const;

/**
 * Gives one address that no pod has to two CiliumEndpoints, as where an address is used again before the object of its last
 * pod is gone, and deletes one after the other. No pod of the mesh is affected.
 */
export async function judgeSharedAddress(
  cluster: Cluster,
  namespace: string,
  within: Within,
): Promise<Verdict> {
  const model = await someEndpoint(cluster, namespace);
  // Away from the end of the range, where faults take theirs.
  const shared = ghostAddress(cluster, 11);
  const own = { first: ghostAddress(cluster, 12), second: ghostAddress(cluster, 13) };
  const later = ghostAddress(cluster, 14);
  await using _removed = {
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(names).map((name) => removeEndpoint(cluster, namespace, name)));
    },
  };
  // Its own address shows when the kvstore has taken in an endpoint: that of the shared one may not change.
  for (const which of ["first", "second"] as const) {
    const at = { namespace, name: names[which], ip: shared };
    await makeGhost(cluster, model, at);
    await addAddress(cluster, at, own[which]);
    const learnt = await awaitEntries(cluster, { present: [shared, own[which]] }, within);
    if (learnt.outcome !== "pass") return learnt;
  }
  await removeEndpoint(cluster, namespace, names.first);
  const gone = await awaitEntries(cluster, { absent: [own.first] }, within);
  if (gone.outcome !== "pass") return gone;
  // The keys of one deletion are removed in any order; a change after it is written when all of them are.
  await makeGhost(cluster, model, { namespace, name: names.later, ip: later });
  const written = await awaitEntries(cluster, { present: [later] }, within);
  if (written.outcome !== "pass") return written;
  const held = await entriesUnder(cluster, prefix);
  if (!held.has(shared))
    return failedBecause([
      `the kvstore of ${cluster.name} lacks ${shared}, which CiliumEndpoint ${namespace}/${names.second} still has: it went with ${names.first}`,
    ]);
  await removeEndpoint(cluster, namespace, names.second);
  return awaitEntries(cluster, { absent: [shared, own.second] }, within);
}

/** Waits until the kvstore has some addresses, or no longer has some. */
const awaitEntries = (
  cluster: Cluster,
  {
    present = [],
    absent = [],
  }: { readonly present?: readonly string[]; readonly absent?: readonly string[] },
  within: Within,
): Promise<Verdict> =>
  judgedInTime(
    async () => {
      const held = await entriesUnder(cluster, prefix);
      return failedBecause([
        ...present
          .filter((ip) => !held.has(ip))
          .map((ip) => `the kvstore of ${cluster.name} does not learn ${ip} of a new CiliumEndpoint`),
        ...absent
          .filter((ip) => held.has(ip))
          .map((ip) => `the kvstore of ${cluster.name} keeps ${ip}, which no CiliumEndpoint has any more`),
      ]);
    },
    { what: `the kvstore of ${cluster.name} to follow its CiliumEndpoints`, everyMs: 300, ...within.sync },
  );

/** A second address of an endpoint. */
async function addAddress(
  { kube }: Cluster,
  { namespace, name, ip }: { readonly namespace: string; readonly name: string; readonly ip: string },
  second: string,
): Promise<void> {
  const status = { networking: { addressing: [{ ipv4: ip }, { ipv4: second }] } };
  await kube.merge(kinds.ciliumEndpoint, namespace, name, { status });
}

const removeEndpoint = ({ kube }: Cluster, namespace: string, name: string): Promise<void> =>
  kube.remove(kinds.ciliumEndpoint, namespace, name);
