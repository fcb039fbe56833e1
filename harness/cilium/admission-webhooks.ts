import type { KubeObject } from "#harness/kube/kube.ts";
import type { WebhookState } from "#harness/model/api-objects.ts";

interface Webhook {
  readonly name?: string;
  readonly failurePolicy?: string;
  readonly clientConfig?: { readonly service?: { readonly namespace?: string; readonly name?: string } };
  readonly rules?: readonly {
    readonly apiGroups?: readonly string[];
    readonly resources?: readonly string[];
    readonly operations?: readonly string[];
  }[];
}

/** The webhooks of a ValidatingWebhookConfiguration or a MutatingWebhookConfiguration. */
export function webhookStates({ kind, metadata, webhooks }: KubeObject): WebhookState[] {
  if (kind !== "ValidatingWebhookConfiguration" && kind !== "MutatingWebhookConfiguration") return [];
  return ((webhooks ?? []) as readonly Webhook[]).map(({ name = "", failurePolicy, clientConfig, rules }) => {
    const { namespace, name: service } = clientConfig?.service ?? {};
    return {
      ...{ kind, configuration: metadata.name, name },
      // The default of admissionregistration.k8s.io/v1.
      failsClosed: (failurePolicy ?? "Fail") === "Fail",
      ...(namespace === undefined || service === undefined ? {} : { service: { namespace, name: service } }),
      rules: (rules ?? []).map(({ apiGroups = [], resources = [], operations = [] }) => ({
        groups: [...apiGroups],
        resources: [...resources],
        operations: [...operations],
      })),
    };
  });
}
