import { expect, test } from "vitest";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import { check, of, policyOf } from "./check-examples.ts";

const move = { from: "1.19.4", to: "1.20.2" };
const messages = (found: readonly CertificateFinding[]): string[] =>
  found.map((f) => `${f.grade} ${f.message}`);
const mesh = (more: object) => ({ clustermesh: { useAPIServer: true, ...more } });

test("a peer's address that the chart cannot use is serious", async () => {
  const clusters = { b: { address: "https://b.example.net:2379", port: 2379 } };
  const report = await check(move, { values: mesh({ config: { enabled: true, clusters } }) });
  expect(messages(of(report, "value-refused"))).toEqual([
    expect.stringMatching(/^serious a: .*rendered as https:\/\/https:\/\/b\.example\.net:2379:2379/),
  ]);
});

test("a node port outside of the usual range, and enforcement on everything, are cautions", async () => {
  const service = { type: "NodePort", nodePort: 2379 };
  const values = { ...mesh({ apiserver: { service } }), policyEnforcementMode: "always" };
  const found = messages(of(await check(move, { values }), "cluster-settings"));
  expect(found).toContainEqual(
    expect.stringMatching(/^caution a: NodePort .* 2379 is outside of 30000-32767/),
  );
  expect(found).toContainEqual(expect.stringMatching(/^caution a: policyEnforcementMode: always denies/));
});

test("the entity cluster before a global service is a caution", async () => {
  const deployment = (app: string): object => ({
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: app, namespace: "shop" } },
    spec: {
      selector: { matchLabels: { app } },
      template: {
        metadata: { labels: { app } },
        spec: { containers: [{ name: "c", image: "x", ports: [{ containerPort: 8080 }] }] },
      },
    },
  });
  const service = {
    ...{ apiVersion: "v1", kind: "Service" },
    metadata: { name: "cart", namespace: "shop", annotations: { "service.cilium.io/global": "true" } },
    spec: { selector: { app: "cart" }, ports: [{ port: 80, targetPort: 8080 }] },
  };
  const policy = policyOf("own", {
    endpointSelector: { matchLabels: { app: "cart" } },
    ingress: [{ fromEntities: ["cluster"] }],
  });
  const report = await check(move, {
    objects: [deployment("cart"), service, policy],
    others: [service, deployment("front")],
  });
  expect(messages(of(report, "policy-own-cluster-only"))).toEqual([
    expect.stringMatching(/^caution a: CiliumNetworkPolicy shop\/own lets the entity "cluster" through/),
  ]);
});

test("a peer's address that its certificate does not hold is serious", async () => {
  const clusters = { b: { address: "b.example.net", port: 2379 } };
  const report = await check(move, { values: mesh({ config: { enabled: true, clusters } }) });
  expect(messages(of(report, "cluster-settings"))).toContainEqual(
    expect.stringMatching(/^serious a: address of peer b: contacts it as b\.example\.net/),
  );
});
