import { expect, test } from "vitest";
import { meshLines } from "./mesh-log.ts";
import { isTroubleLine, readTroubleLog } from "./trouble-log.ts";

const at = "2026-11-21T09:56:02.230Z";
const atMs = Date.parse(at);
const line = (text: string): string => `${at} time=${at} ${text}`;

test.each([
  [
    'level=warn msg="Incremental reconciliation failed" module=agent.controlplane.loadbalancer-reconciler errors="1 errors: upsert service master: Unable to update element for cilium_lb4_services_v2 map with file descriptor 21: the map is full, please consider resizing it. argument list too long"',
    "cilium_lb4_services_v2",
  ],
  [
    'level=warn msg="Incremental reconciliation failed" errors="1 errors: upsert backend: update map cilium_lb4_backends_v3: update: key too big for map: argument list too long"',
    "cilium_lb4_backends_v3",
  ],
  [
    'level=error msg="Failed to add PolicyMap key" error="update map cilium_policy_v2_00815: update: key too big for map: argument list too long"',
    "cilium_policy_v2_00815",
  ],
  [
    'level=warn msg="Incremental reconciliation failed" errors="upsert service: Unable to update service entry 10.0.0.1:80 => 1: Unable to update element for LB bpf map: You can resize it with the flag \\"--bpf-lb-map-max\\". The resizing might break existing connections to services"',
    "cilium_lb_services",
  ],
])("a full map is named: %s", (text, name) => {
  expect(readTroubleLog([line(text), line(text)].join("\n"))).toMatchObject([
    { kind: "map-full", name, times: 2, atMs },
  ]);
});

test("a policy that the agent refuses, in the text and in the JSON format", () => {
  const error = "Invalid CiliumNetworkPolicy spec: L7 policy is not supported since L7 proxy is not enabled";
  const found = [{ kind: "policy-refused", name: "shop/read-only", text: error, times: 1, atMs }];
  expect(
    readTroubleLog(
      line(
        `level=warn msg="Unable to add CiliumNetworkPolicy" module=agent.controlplane.policy-k8s-watcher ciliumNetworkPolicyName=read-only k8sApiVersion="" k8sNamespace=shop error="${error}"`,
      ),
    ),
  ).toEqual(found);
  expect(
    readTroubleLog(
      `{"time":"${at}","level":"warn","msg":"Unable to add CiliumNetworkPolicy","ciliumNetworkPolicyName":"read-only","k8sNamespace":"shop","error":"${error}"}`,
    ),
  ).toEqual(found);
  expect(
    readTroubleLog(
      line(
        'level=warn msg="Unable to add CiliumNetworkPolicy" ciliumNetworkPolicyName=all k8sNamespace="" error="x"',
      ),
    ),
  ).toMatchObject([{ name: "all" }]);
});

test("the last word of an agent that ended; a warning is none", () => {
  const why =
    "daemon creation failed: unable to determine direct routing device. Use --direct-routing-device to specify it";
  const log = [
    line(`level=error msg="Start hook failed" function="cmd.newDaemonPromise.func1" error="${why}"`),
    line(`level=fatal msg="failed to start: ${why}"`),
  ].join("\n");
  expect(readTroubleLog(log)).toEqual([
    { kind: "fatal", name: "", text: `failed to start: ${why}`, times: 2, atMs },
  ]);
  expect(isTroubleLine(line('level=warn msg="Unable to connect" error="timeout"'))).toBe(false);
});

test("these lines are kept of a log", () => {
  const log = [line("level=info msg=hello"), line('level=fatal msg="no"')].join("\n");
  expect(meshLines(log).split("\n")).toHaveLength(1);
});
