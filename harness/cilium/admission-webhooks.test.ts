import { expect, test } from "vitest";
import { webhookStates } from "./admission-webhooks.ts";

const rule = { apiGroups: ["cilium.io"], apiVersions: ["*"], operations: ["CREATE"], resources: ["*"] };
const configuration = (kind: string, webhooks: readonly object[]) => ({
  ...{ apiVersion: "admissionregistration.k8s.io/v1", kind, metadata: { name: "kyverno" } },
  webhooks,
});

test("of a webhook its service, what it covers, and whether it fails closed", () => {
  const service = { namespace: "kyverno", name: "kyverno-svc", path: "/validate", port: 443 };
  const webhooks = [
    { name: "a.b.c", clientConfig: { service }, rules: [rule] },
    { name: "d.e.f", failurePolicy: "Ignore", clientConfig: { url: "https://192.0.2.1/" } },
  ];
  expect(webhookStates(configuration("MutatingWebhookConfiguration", webhooks))).toEqual([
    {
      ...{ kind: "MutatingWebhookConfiguration", configuration: "kyverno", name: "a.b.c", failsClosed: true },
      service: { namespace: "kyverno", name: "kyverno-svc" },
      rules: [{ groups: ["cilium.io"], resources: ["*"], operations: ["CREATE"] }],
    },
    {
      ...{ kind: "MutatingWebhookConfiguration", configuration: "kyverno", name: "d.e.f" },
      ...{ failsClosed: false, rules: [] },
    },
  ]);
  expect(webhookStates(configuration("ConfigMap", webhooks))).toEqual([]);
});
