import { shellQuote } from "#harness/lib/shell-quote.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { Refusal, Right } from "#harness/semantics/refusals.ts";
import { findingOf } from "./catalogue/index.ts";
import { apiserverPods, ciliumNamespace, kubectl } from "./parts.ts";
import { isOfApiserver, type Refused, refusedOf } from "./refused-sources.ts";
import { apiserver, helmUpgrade, restart } from "./repairs.ts";
import { askedBy, deadWebhooks, denyingWebhook, silentWebhook } from "./webhooks.ts";

/** What the API servers refuse to Cilium, and to backends of the mesh: what was not written is missing everywhere after. */
export function refusedRequests(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    const refused = refusedOf(mesh, cluster);
    const found = Object.entries(kinds).flatMap(([kind, say]) =>
      [...Map.groupBy(refused, ({ refusal }) => refusal.name)].flatMap(([name, all]) => {
        const some = all.filter((r) => r.refusal.kind === kind);
        return some.length === 0 ? [] : [say(cluster, name, some)];
      }),
    );
    const silent = refused.filter((r) => r.refusal.kind === "webhook-silent").map((r) => r.refusal.name);
    return [...found, ...deadWebhooks(cluster, new Set(silent))];
  });
}

type Say = (cluster: ClusterSnapshot, name: string, refused: readonly Refused[]) => Finding;

/** By the kind of refusal, in the order in which they are reported. */
const kinds: Readonly<Record<Exclude<Refusal["kind"], "terminating">, Say>> = {
  forbidden: missingPermission,
  "webhook-silent": silentWebhook,
  "webhook-denied": denyingWebhook,
  "policy-denied": deniedByPolicy,
  quota: exceededQuota,
  conversion: failedConversion,
  "kvstore-full": fullKvstore,
  "crd-missing": exportsNothing,
};

const severityOf = (refused: readonly Refused[]): Finding["severity"] =>
  refused.some((r) => r.isBroken) ? "broken" : "suspect";

/** Shows whether a user may do it now. */
function check({ verb, resource, group }: Right, user: string): string {
  const [name = "", sub] = resource.split("/");
  return shellQuote([
    ...["kubectl", "auth", "can-i", verb, group === "" ? name : `${name}.${group}`, "-A"],
    ...(sub === undefined ? [] : [`--subresource=${sub}`]),
    `--as=${user}`,
  ]);
}

/** By its name among users: `system:serviceaccount:kube-system:cilium`. */
function accountOf(user: string): string {
  const [, namespace, name] = /^system:serviceaccount:([\w.-]+):([\w.-]+)$/.exec(user) ?? [];
  return name === undefined ? `user ${user}` : `ServiceAccount ${namespace}/${name}`;
}

function missingPermission(cluster: ClusterSnapshot, user: string, refused: readonly Refused[]): Finding {
  const all = refused.flatMap((r) => r.refusal.right ?? []);
  const rights = [...new Map(all.map((right) => [JSON.stringify(right), right])).values()];
  const [first] = rights;
  const may = rights.map((r) => `${r.verb} ${r.resource}${r.group === "" ? "" : ` (${r.group})`}`);
  const reason = refused.map((r) => r.refusal.why).find((why) => why !== "");
  const again = first === undefined ? "" : `, and \`${check(first, user)}\` must say yes`;
  return findingOf("permission-missing", {
    severity: severityOf(refused),
    cluster: cluster.name,
    subject: `${accountOf(user)} of ${cluster.name}`,
    message: `${accountOf(user)} of ${cluster.name} may not ${shortList(may, 5)}${reason === undefined ? "" : ` (${reason})`}: the API server refuses it to ${askedBy(refused)}`,
    next: `write its role anew: ${helmUpgrade(cluster)}; what was refused is tried again within a minute${again}; without Helm, apply the ClusterRole of the running version of Cilium`,
  });
}

const refusedBy = (
  cluster: ClusterSnapshot,
  what: string,
  refused: readonly Refused[],
  next: string,
): Finding => {
  const why = refused.map((r) => r.refusal.why).find((text) => text !== "");
  return findingOf("request-refused", {
    severity: severityOf(refused),
    cluster: cluster.name,
    subject: `${what} of ${cluster.name}`,
    message: `${what} of ${cluster.name} refuses requests of ${askedBy(refused)}${why === undefined ? "" : `: ${why}`}`,
    next,
  });
};

function deniedByPolicy(cluster: ClusterSnapshot, name: string, refused: readonly Refused[]): Finding {
  const look = kubectl("", "get", `validatingadmissionpolicy/${name}`, "-o", "yaml");
  const next = `leave what Cilium writes out of its rules: ${look}`;
  return refusedBy(cluster, `ValidatingAdmissionPolicy ${name}`, refused, next);
}

function exceededQuota(cluster: ClusterSnapshot, name: string, refused: readonly Refused[]): Finding {
  const namespace = refused.map((r) => r.namespace).find((n) => n !== undefined);
  const look =
    namespace === undefined
      ? kubectl("", "get", "resourcequotas", "-A")
      : kubectl(namespace, "describe", `resourcequota/${name}`);
  const next = `raise its limit, or remove what uses it up: ${look}`;
  return refusedBy(cluster, `ResourceQuota ${name}`, refused, next);
}

/**
 * Reads and deletions go on, so connections look healthy; what is new is missing in every cluster. Only the programs of
 * clustermesh-apiserver write to its etcd: others have the API server's words about its own, or use an external one.
 */
function fullKvstore(cluster: ClusterSnapshot, _name: string, refused: readonly Refused[]): Finding {
  const isMeshs = refused.every((r) => isOfApiserver(r.who));
  const pods = [...new Set(refused.flatMap((r) => r.pod ?? []))];
  const isSingle = isMeshs && pods.length < apiserverPods(cluster).length;
  const which = isMeshs
    ? `etcd of clustermesh-apiserver${isSingle ? ` in ${pods.join(" and ")}` : ""}`
    : "the etcd behind the API server, or the external kvstore,";
  const anew = isSingle
    ? kubectl(ciliumNamespace(cluster), "delete", ...pods.map((p) => `pod/${p}`))
    : restart(cluster, apiserver);
  return findingOf("kvstore-full", {
    severity: severityOf(refused),
    cluster: cluster.name,
    subject: `the kvstore of ${cluster.name}`,
    message: `${which} of ${cluster.name} is full (alarm NOSPACE) and refuses every write of ${askedBy(refused)}: ${refused[0]?.refusal.text ?? ""}`,
    next: isMeshs
      ? `start it empty, because it is filled again from the API server and the peers: ${anew}; if it fills again, look for objects that change all the time, or raise its --quota-backend-bytes`
      : "compact and defragment that etcd, then `etcdctl alarm disarm`; raise its --quota-backend-bytes if it fills again; to restart Cilium does not help",
  });
}

/** Its marker that all is written is there all the same, so peers take it that nothing is exported. */
function exportsNothing(cluster: ClusterSnapshot, name: string, refused: readonly Refused[]): Finding {
  const held = cluster.serviceExports;
  const isUsed = held?.ok !== true || held.value.length > 0;
  const pods = shortList([...new Set(refused.flatMap((r) => r.pod ?? []))], 3);
  const crds = ["serviceexports", "serviceimports"].map((crd) => `crd/${crd}.multicluster.x-k8s.io`);
  return findingOf("service-exports-off", {
    severity: isUsed ? "broken" : "suspect",
    cluster: cluster.name,
    subject: `ServiceExports of ${cluster.name}`,
    message: `clustermesh-apiserver of ${cluster.name} (${pods}) exports no ServiceExport: when it started, CRD ${name} ${refused[0]?.refusal.why ?? "was missing"}, and it does not look again; peers remove what they had imported`,
    next: `see that the CRDs are there: ${kubectl("", "get", ...crds)}; then ${restart(cluster, apiserver)}; Cilium 1.20.1 looks again by itself`,
  });
}

function failedConversion(cluster: ClusterSnapshot, name: string, refused: readonly Refused[]): Finding {
  const service = refused.map((r) => r.refusal.service).find((s) => s !== undefined);
  const server = service === undefined ? "" : ` (service ${service.namespace}/${service.name})`;
  const next = `bring the server of the conversion webhook back${server}, or correct spec.conversion of the CRD: ${kubectl("", "get", "crds", "-o", "yaml")}`;
  return refusedBy(cluster, `the conversion webhook for ${name}`, refused, next);
}
