import { describe, expect, test } from "vitest";
import type { RefusedRequest, WebhookState } from "#harness/model/api-objects.ts";
import type { ClusterSnapshot, EventState } from "#harness/model/mesh-snapshot.ts";
import { apiserverPod, causesOf, east, meshWith, ok, service } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const helm = "helm -n kube-system upgrade cilium cilium/cilium --version 1.19.4 --reuse-values";
const forbidden = (resource: string, verb = "list"): string =>
  `User "system:serviceaccount:kube-system:clustermesh-apiserver" cannot ${verb} resource "${resource}" in API group "cilium.io" at the cluster scope`;
const silent =
  'failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/validate/fail?timeout=5s": service "kyverno-svc" not found';

const idsOf = (over: Partial<ClusterSnapshot>) =>
  causesOf(meshWith(over)).map((f) => `${f.id} ${f.severity}`);
const commandsOf = (over: Partial<ClusterSnapshot>): string[] => {
  const [first] = causesOf(meshWith(over));
  return first === undefined ? [] : remedyCommands(first, ["east", "west"]).map((c) => c.text);
};
const others = east.pods.ok ? east.pods.value.filter((p) => p.namespace === "shop") : [];

test("a kvstore that refuses every write, before what is missing because of it", () => {
  const text = "etcdserver: mvcc: database space exceeded";
  const full = (times: number): RefusedRequest => ({
    ...{ container: "apiserver", text, times, atMs: Date.parse("2026-11-21T09:59:10Z") },
  });
  const [first] = causesOf(meshWith({ refusedRequests: ok([full(9)]) }));
  expect(first).toMatchObject({
    ...{ id: "kvstore-full", severity: "broken", cluster: "east" },
    message: expect.stringMatching(/^etcd of clustermesh-apiserver of east is full .* container apiserver/),
    next: expect.stringContaining("rollout restart deployment/clustermesh-apiserver"),
  });
  // The alarm stays until somebody disarms it.
  expect(idsOf({ refusedRequests: ok([full(1)]) })).toEqual(["kvstore-full broken"]);
  const long = { ...full(1), atMs: Date.parse("2026-11-21T09:30:00Z") };
  expect(idsOf({ refusedRequests: ok([long]) })).toEqual([]);
  // What an agent gets is of another etcd, whose data must stay.
  const { container: _, ...rest } = full(9);
  const [other] = causesOf(
    meshWith({ refusedRequests: ok([full(9), { ...rest, container: "cilium-agent", node: "node-1" }]) }),
  );
  expect(other).toMatchObject({
    id: "kvstore-full",
    message: expect.stringContaining("behind the API server"),
  });
  expect(other?.next).not.toContain("rollout restart");
});

test("of several replicas, only the one whose etcd is full is replaced", () => {
  const replicas = ["a", "b"].map((x) => apiserverPod(1, { name: `clustermesh-apiserver-6d5f-${x}` }));
  const [first] = causesOf(
    meshWith({
      pods: ok([...others, ...replicas]),
      refusedRequests: ok([
        {
          ...{ container: "apiserver", pod: "clustermesh-apiserver-6d5f-b", times: 1 },
          ...{ text: "etcdserver: mvcc: database space exceeded" },
          atMs: Date.parse("2026-11-21T09:59:10Z"),
        },
      ]),
    }),
  );
  expect(first?.message).toContain(
    "etcd of clustermesh-apiserver in clustermesh-apiserver-6d5f-b of east is full",
  );
  expect(first?.next).toContain("kubectl -n kube-system delete pod/clustermesh-apiserver-6d5f-b;");
});

describe("a missing permission", () => {
  // The evidence is of 10:00.
  const refused = (over: Partial<RefusedRequest> = {}): RefusedRequest => ({
    ...{ container: "apiserver", text: forbidden("ciliumendpoints"), times: 9 },
    ...{ atMs: Date.parse("2026-11-21T09:59:10Z"), ...over },
  });
  const logged = (...requests: readonly RefusedRequest[]) => ({ refusedRequests: ok([...requests]) });
  const waiting = apiserverPod(1, { ready: false });
  const sick = {
    ...waiting,
    containers: waiting.containers.map((c) => ({ ...c, ready: c.name !== "apiserver" })),
  };

  test("before the container that waits for it, with the account, the right and the role's remedy", () => {
    const over = {
      pods: ok([...others, sick]),
      ...logged(refused(), refused({ text: forbidden("ciliumnodes") })),
    };
    const [first, second] = causesOf(meshWith(over));
    expect(first).toMatchObject({
      ...{ id: "permission-missing", severity: "broken", cluster: "east" },
      message: `ServiceAccount kube-system/clustermesh-apiserver of east may not list ciliumendpoints (cilium.io), list ciliumnodes (cilium.io): the API server refuses it to container apiserver of ${sick.name}, which is not ready`,
      next: expect.stringContaining(
        "`kubectl auth can-i list ciliumendpoints.cilium.io -A --as=system:serviceaccount:kube-system:clustermesh-apiserver`",
      ),
    });
    expect(commandsOf(over)).toEqual([helm]);
    expect(second).toMatchObject({
      id: "container-not-ready",
      next: `kubectl -n kube-system logs pod/${sick.name} -c apiserver`,
    });
  });

  test("while it lasts: a container that is not ready, or a request of the last minutes", () => {
    const old = refused({ atMs: Date.parse("2026-11-21T09:00:00Z") });
    const { atMs: _, ...undated } = refused();
    expect(idsOf({ pods: ok([...others, sick]), ...logged(old) })).toContain("permission-missing broken");
    expect(idsOf({ pods: ok([...others, sick]), ...logged(undated) })).toContain("permission-missing broken");
    expect(idsOf(logged(refused()))).toEqual(["permission-missing broken"]);
    expect(idsOf(logged(old))).toEqual([]);
    expect(idsOf(logged(undated))).toEqual([]);
    // At the start, and the pod became ready afterwards.
    const recovered = apiserverPod(1, { readySinceMs: Date.parse("2026-11-21T09:59:40Z") });
    expect(idsOf({ pods: ok([...others, recovered]), ...logged(refused()) })).toEqual([]);
  });

  test("suspect where the mesh does not depend on it, or it is not known to last", () => {
    expect(idsOf(logged(refused({ text: forbidden("ciliumpodippools", "patch") })))).toEqual([
      "permission-missing suspect",
    ]);
    expect(idsOf(logged(refused({ times: 1 })))).toEqual(["permission-missing suspect"]);
  });
});

describe("an admission webhook", () => {
  const failing = (message: string, failures: number): Partial<ClusterSnapshot> => ({
    agents: east.agents.map((a) => ({
      ...a,
      controllers: ok([{ name: "sync-to-k8s-ciliumendpoint (12)", failures, message }]),
    })),
  });
  const webhook = (over: Partial<WebhookState> = {}): WebhookState => ({
    ...{ kind: "ValidatingWebhookConfiguration", configuration: "kyverno-cfg" },
    ...{ name: "validate.kyverno.svc-fail", failsClosed: true },
    service: { namespace: "kyverno", name: "kyverno-svc" },
    rules: [{ groups: ["cilium.io"], resources: ["ciliumendpoints"], operations: ["CREATE"] }],
    ...over,
  });

  test("whose server is gone: a controller that fails because of it, and how to be rid of it", () => {
    const over = { ...failing(silent, 9), webhooks: ok([webhook()]) };
    expect(causesOf(meshWith(over))).toMatchObject([
      {
        ...{ id: "webhook-not-answering", severity: "broken", cluster: "east" },
        message:
          "admission webhook validate.kyverno.svc-fail (ValidatingWebhookConfiguration kyverno-cfg) of east does not answer: service kyverno/kyverno-svc does not exist; so the API server refuses requests of controller sync-to-k8s-ciliumendpoint (12) of the agent of node-1",
        next: expect.stringMatching(
          /^bring its server back \(service kyverno\/kyverno-svc\), or if it is gone/,
        ),
      },
    ]);
    expect(commandsOf(over)).toEqual(["kubectl delete validatingwebhookconfiguration/kyverno-cfg"]);
    expect(idsOf(failing(silent, 1))).toEqual(["webhook-not-answering suspect"]);
  });

  test("in an archive, which has no configurations, by the words of the API server", () => {
    const slow = silent.replace('service "kyverno-svc" not found', "context deadline exceeded");
    const byUrl = slow.replace("kyverno-svc.kyverno.svc", "192.0.2.1");
    expect(causesOf(meshWith(failing(byUrl, 9)))[0]?.message).toContain(
      "admission webhook validate.kyverno.svc-fail of east does not answer: context deadline exceeded; so",
    );
    const [first] = causesOf(meshWith(failing(slow, 9)));
    expect(first?.message).toContain("does not answer: service kyverno/kyverno-svc does not exist; so");
    expect(first?.next).toMatch(
      /^kubectl get validatingwebhookconfigurations,mutating.* -o yaml; bring the server/,
    );
  });

  test("that nothing answers for is suspect before a request was seen to fail", () => {
    const kyverno = service({ namespace: "kyverno", name: "kyverno-svc", annotations: {} });
    const services = ok([...(east.services.ok ? east.services.value : []), kyverno]);
    const endpoint = { namespace: "kyverno", service: "kyverno-svc", ip: "10.1.0.5", ready: true };
    const answered = ok([...(east.endpoints.ok ? east.endpoints.value : []), endpoint]);
    const dead = ["webhook-not-answering suspect"];
    expect(idsOf({ webhooks: ok([webhook()]) })).toEqual(dead);
    expect(idsOf({ webhooks: ok([webhook()]), services })).toEqual(dead);
    expect(idsOf({ webhooks: ok([webhook()]), services, endpoints: answered })).toEqual([]);
    const { service: _, ...byUrl } = webhook();
    const apps = [{ groups: ["apps"], resources: ["*"], operations: ["*"] }];
    for (const harmless of [webhook({ failsClosed: false }), byUrl, webhook({ rules: apps })])
      expect(idsOf({ webhooks: ok([harmless]) })).toEqual([]);
  });

  test("that denies, a policy and a quota, each with where to look", () => {
    const denied = 'admission webhook "validate.gatekeeper.sh" denied the request: no owner';
    expect(causesOf(meshWith(failing(denied, 9)))).toMatchObject([
      {
        id: "request-refused",
        message: expect.stringMatching(/denies requests of controller .*: no owner$/),
      },
    ]);
    const policy = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no";
    expect(commandsOf(failing(policy, 9))).toEqual(["kubectl get validatingadmissionpolicy/p -o yaml"]);
    const quota = "exceeded quota: small, requested: count/x=1, used: count/x=5, limited: count/x=5";
    expect(commandsOf(failing(quota, 9))).toEqual(["kubectl get resourcequotas -A"]);
  });

  test("other failures are a controller's own, and those in a namespace that is being deleted", () => {
    expect(idsOf(failing("timeout", 9))).toEqual(["controller-failing broken"]);
    const gone = "unable to create new content in namespace shop because it is being terminated";
    expect(idsOf(failing(gone, 1))).toEqual(["controller-failing suspect"]);
  });
});

describe("pods that cannot be created", () => {
  const event = (namespace: string, name: string, message: string): EventState => ({
    ...{ namespace, kind: "ReplicaSet", name, reason: "FailedCreate", message, at: "2026-11-21T09:59:00Z" },
  });
  const deployment = (namespace: string, name: string, ready: number) =>
    ok([{ ...{ kind: "Deployment" as const, namespace, name }, desired: 1, ready }]);
  const cart = { workloads: deployment("shop", "cart", 0), pods: ok([apiserverPod(1)]), endpoints: ok([]) };
  const quota = "exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5";

  test("of Cilium: what refuses them comes before the pod that is missing", () => {
    const ids = idsOf({
      workloads: deployment("kube-system", "clustermesh-apiserver", 0),
      pods: ok(others),
      events: ok([event("kube-system", "clustermesh-apiserver-6d5f", silent)]),
    });
    expect(ids.slice(0, 2)).toEqual(["webhook-not-answering broken", "pod-cannot-start broken"]);
  });

  test("backends of a global service: broken where its clients lose their own, and named with the quota", () => {
    const found = causesOf(meshWith({ ...cart, events: ok([event("shop", "cart-6d5f", quota)]) }));
    expect(found[0]).toMatchObject({
      id: "request-refused",
      next: expect.stringContaining("kubectl -n shop describe resourcequota/small"),
    });
    expect(found.find((f) => f.id === "workload-pod-cannot-start")).toMatchObject({
      severity: "broken",
      message: expect.stringMatching(
        /^a pod of Deployment shop\/cart of east cannot be created \(0 of 1 ready\)/,
      ),
    });
  });

  test("no finding where the pods are there, or the mesh has no service in the namespace", () => {
    const pods = ok([apiserverPod(1, { namespace: "shop", name: "cart-6d5f-abcde", ready: false })]);
    const idsWith = (over: Partial<ClusterSnapshot>) => idsOf(over).filter((id) => /refused|cannot/.test(id));
    const events = ok([event("shop", "cart-6d5f", quota)]);
    expect(idsWith({ ...cart, pods, events })).toEqual([]);
    const elsewhere = ok([event("data", "db-6d5f", quota)]);
    expect(idsWith({ workloads: deployment("data", "db", 0), events: elsewhere })).toEqual([]);
  });
});
