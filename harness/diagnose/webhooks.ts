import { shortList } from "#harness/lib/short-list.ts";
import type { WebhookState } from "#harness/model/api-objects.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { neededObjects } from "#harness/semantics/webhook-cover.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, kubectl } from "./parts.ts";
import type { Refused } from "./refused-sources.ts";
import { readyBackends } from "./services.ts";

interface Reference {
  readonly namespace: string;
  readonly name: string;
}

/** Why nothing answers at a service; undefined where something does, or it is not known. */
function withoutServer(cluster: ClusterSnapshot, { namespace, name }: Reference): string | undefined {
  if (!cluster.services.ok) return undefined;
  const service = cluster.services.value.find((s) => s.namespace === namespace && s.name === name);
  if (service === undefined) return `service ${namespace}/${name} does not exist`;
  if (service.type === "ExternalName" || readyBackends({ cluster, service }) !== 0) return undefined;
  return `service ${namespace}/${name} has no ready endpoint`;
}

const configured = ({ webhooks }: ClusterSnapshot): readonly WebhookState[] => known(webhooks);

const titleOf = ({
  name,
  kind,
  configuration,
}: Pick<WebhookState, "name" | "kind" | "configuration">): string =>
  `webhook ${name} (${kind} ${configuration})`;

const removal = (webhooks: readonly Pick<WebhookState, "kind" | "configuration">[]): string =>
  [...new Set(webhooks.map((w) => `${w.kind.toLowerCase()}/${w.configuration}`))]
    .map((object) => kubectl("", "delete", object))
    .join("; ");

/** Its configuration is not in an archive of the Cilium CLI. */
const search = kubectl(
  "",
  ...["get", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "-o", "yaml"],
);

/** What to do about a webhook that does not answer. */
function repairOf(webhooks: readonly WebhookState[], name: string, service: Reference | undefined): string {
  const server = service === undefined ? "" : ` (service ${service.namespace}/${service.name})`;
  const again = "Cilium tries again by itself within minutes";
  return webhooks.length === 0
    ? `${search}; bring the server of webhook ${name} back${server}, or if it is gone for good, delete the configuration that has it; ${again}`
    : `bring its server back${server}, or if it is gone for good: ${removal(webhooks)}; ${again}`;
}

/** A webhook that fails closed and was seen to keep requests from being admitted. */
export function silentWebhook(cluster: ClusterSnapshot, name: string, refused: readonly Refused[]): Finding {
  const webhooks = configured(cluster).filter((w) => w.name === name && w.failsClosed);
  const service = [...webhooks.map((w) => w.service), ...refused.map((r) => r.refusal.service)].find(
    (s) => s !== undefined,
  );
  const title = webhooks[0] === undefined ? `webhook ${name}` : titleOf(webhooks[0]);
  const said = refused.map((r) => r.refusal.why).find((why) => why !== "");
  const why = (service === undefined ? undefined : withoutServer(cluster, service)) ?? said;
  return findingOf("webhook-not-answering", {
    severity: refused.some((r) => r.isBroken) ? "broken" : "suspect",
    cluster: cluster.name,
    subject: `webhook ${name} of ${cluster.name}`,
    message: `admission ${title} of ${cluster.name} does not answer${why === undefined ? "" : `: ${why}`}; so the API server refuses requests of ${askedBy(refused)}`,
    next: repairOf(webhooks, name, service),
  });
}

/** Who asked for what was refused: `controller a of the agent of n and 2 more`. */
export const askedBy = (refused: readonly Refused[]): string =>
  shortList([...new Set(refused.map((r) => r.who))], 3);

/** Webhooks that fail closed, that nothing answers for, and that what the mesh needs goes through. */
export function deadWebhooks(cluster: ClusterSnapshot, reported: ReadonlySet<string>): Finding[] {
  return configured(cluster).flatMap((webhook) => {
    const { name, failsClosed, service } = webhook;
    const objects = neededObjects(webhook);
    if (!failsClosed || service === undefined || objects.length === 0 || reported.has(name)) return [];
    const why = withoutServer(cluster, service);
    if (why === undefined) return [];
    return [
      findingOf("webhook-not-answering", {
        severity: "suspect",
        cluster: cluster.name,
        subject: `webhook ${name} of ${cluster.name}`,
        message: `admission ${titleOf(webhook)} of ${cluster.name} fails closed, and nothing answers for it: ${why}; so the API server refuses the ${shortList(objects, 7)} that it covers`,
        next: repairOf([webhook], name, service),
      }),
    ];
  });
}

/** A webhook that does not let Cilium's requests pass. */
export function denyingWebhook(cluster: ClusterSnapshot, name: string, refused: readonly Refused[]): Finding {
  const [webhook] = configured(cluster).filter((w) => w.name === name);
  const title = webhook === undefined ? `webhook ${name}` : titleOf(webhook);
  const why = refused.map((r) => r.refusal.why).find((text) => text !== "");
  const look =
    webhook === undefined
      ? search
      : kubectl("", "get", `${webhook.kind.toLowerCase()}/${webhook.configuration}`, "-o", "yaml");
  return findingOf("request-refused", {
    severity: refused.some((r) => r.isBroken) ? "broken" : "suspect",
    cluster: cluster.name,
    subject: `webhook ${name} of ${cluster.name}`,
    message: `admission ${title} of ${cluster.name} denies requests of ${askedBy(refused)}${why === undefined ? "" : `: ${why}`}`,
    next: `exempt what it denies in the policy behind it, or leave cilium.io and the namespace of Cilium out of its rules: ${look}`,
  });
}
