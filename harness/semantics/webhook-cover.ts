import type { WebhookState } from "#harness/model/api-objects.ts";

/** Objects that Cilium writes, or that its services and pods depend on, by group and resource. */
const needed: readonly (readonly [group: string, resource: string, name: string])[] = [
  ["", "pods", "pods"],
  ["", "services", "services"],
  ["", "secrets", "secrets"],
  ["discovery.k8s.io", "endpointslices", "EndpointSlices"],
  ["cilium.io", "ciliumendpoints", "CiliumEndpoints"],
  ["cilium.io", "ciliumidentities", "CiliumIdentities"],
  ["cilium.io", "ciliumnodes", "CiliumNodes"],
];

const writes = ["*", "CREATE", "UPDATE", "DELETE"];

/**
 * Whether a rule covers a resource: `pods/*` is the resource and all below it, `*` every resource
 * (apiserver/pkg/admission/plugin/webhook/predicates/rules/rules.go).
 */
function covers(rule: WebhookState["rules"][number], group: string, resource: string): boolean {
  return (
    rule.operations.some((o) => writes.includes(o)) &&
    rule.groups.some((g) => g === "*" || g === group) &&
    rule.resources.some((r) => ["*", "*/*", resource, `${resource}/*`].includes(r))
  );
}

/** Which of the objects that the mesh needs a webhook is asked about. */
export const neededObjects = ({ rules }: WebhookState): string[] =>
  needed
    .filter(([group, resource]) => rules.some((rule) => covers(rule, group, resource)))
    .map(([, , name]) => name);
