import { describe, expect, test } from "vitest";
import { refusalKey, refusalOf } from "./refusals.ts";

const silent =
  'Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/validate/fail?timeout=5s": service "kyverno-svc" not found';
const forbidden =
  'ciliumendpoints.cilium.io is forbidden: User "system:serviceaccount:kube-system:clustermesh-apiserver" cannot list resource "ciliumendpoints" in API group "cilium.io" at the cluster scope';
const right = { verb: "list", resource: "ciliumendpoints", group: "cilium.io" };
const account = "system:serviceaccount:kube-system:clustermesh-apiserver";

const escaped = (text: string): string => text.replaceAll('"', '\\"');

describe("what the API server says", () => {
  test.each([
    [
      silent,
      {
        kind: "webhook-silent",
        name: "validate.kyverno.svc-fail",
        why: 'service "kyverno-svc" not found',
        service: { namespace: "kyverno", name: "kyverno-svc" },
      },
    ],
    [
      'failed calling webhook "a.b": failed to call webhook: Post "https://192.0.2.1:8443/x?timeout=10s": context deadline exceeded',
      { kind: "webhook-silent", name: "a.b", why: "context deadline exceeded" },
    ],
    [
      'admission webhook "validate.gatekeeper.sh" denied the request: [all-must-have-owner] missing label owner',
      {
        kind: "webhook-denied",
        name: "validate.gatekeeper.sh",
        why: "[all-must-have-owner] missing label owner",
      },
    ],
    [
      `ciliumendpoints.cilium.io "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`,
      { kind: "policy-denied", name: "p", why: "no" },
    ],
    [forbidden, { kind: "forbidden", name: account, why: "", right }],
    [
      `${forbidden}: RBAC: clusterrole.rbac.authorization.k8s.io "x" not found`,
      {
        kind: "forbidden",
        name: account,
        why: 'RBAC: clusterrole.rbac.authorization.k8s.io "x" not found',
        right,
      },
    ],
    [
      'pods "a" is forbidden: User "system:serviceaccount:a:b" cannot patch resource "pods/status" in API group "" in the namespace "shop"',
      {
        kind: "forbidden",
        name: "system:serviceaccount:a:b",
        right: { verb: "patch", resource: "pods/status", group: "" },
      },
    ],
    [
      'ciliumendpoints.cilium.io "x" is forbidden: exceeded quota: objects, requested: count/ciliumendpoints.cilium.io=1, used: count/ciliumendpoints.cilium.io=5, limited: count/ciliumendpoints.cilium.io=5',
      { kind: "quota", name: "objects", why: "it requests count/ciliumendpoints.cilium.io=1" },
    ],
    [
      'conversion webhook for cilium.io/v2, Kind=CiliumNode failed: Post "https://w.ns.svc:443/convert?timeout=30s": no endpoints available for service "w"',
      {
        kind: "conversion",
        name: "cilium.io/v2, Kind=CiliumNode",
        why: 'no endpoints available for service "w"',
        service: { namespace: "ns", name: "w" },
      },
    ],
    [
      'services "echo" is forbidden: unable to create new content in namespace shop because it is being terminated',
      { kind: "terminating", name: "shop" },
    ],
  ])("%s", (text, expected) => {
    expect(refusalOf(text)).toMatchObject(expected);
  });

  test.each([
    "",
    "dial tcp 10.96.0.1:443: connect: connection refused",
    "the server could not find the requested resource",
    'User "x" cannot get path "/metrics"',
    'msg="Endpoint cannot be regenerated" endpointID=7',
    'secrets "a" not found',
  ])("nothing of the kind: %s", (text) => {
    expect(refusalOf(text)).toBeUndefined();
  });
});

describe("the same in a log", () => {
  test.each([
    [
      "text",
      (t: string) => `time=2026-11-28T16:43:01Z level=error msg=k8sError error="${escaped(t)}" subsys=k8s`,
    ],
    ["JSON", (t: string) => `{"level":"error","error":"${escaped(t)}","msg":"k8sError","subsys":"k8s"}`],
    ["JSON in a text", (t: string) => `msg="${escaped(escaped(`{"error":"${t}"`))}" subsys=k8s`],
  ])("%s", (_, line) => {
    for (const text of [silent, forbidden]) {
      const [plain, logged] = [refusalOf(text), refusalOf(line(text))];
      expect(logged && refusalKey(logged)).toBe(plain && refusalKey(plain));
      if (!line("").includes("{")) expect(logged).toEqual(plain);
    }
  });

  test("what is kept of it says the same", () => {
    for (const text of [silent, forbidden]) {
      const first = refusalOf(`x error="${escaped(text)}" a=b`);
      expect(first && refusalOf(first.text)).toEqual(first);
    }
  });

  test("a hostile text does not take long", () => {
    for (const text of [
      `failed calling webhook ${"\\".repeat(100_000)}`,
      'User "'.repeat(50_000),
      `User "${"cannot ".repeat(50_000)}`,
      "admission webhook denied the request ".repeat(20_000),
    ])
      expect(refusalOf(text)).toBeUndefined();
  });
});
