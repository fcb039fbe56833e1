import { expect, test } from "vitest";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { namedPortFindings, namesInEgress, portNumbers } from "./named-ports.ts";

const pod = (number: number, more: object = {}, port: object = {}) => ({
  kind: "Pod",
  spec: { containers: [{ ports: [{ name: "http", containerPort: number, ...port }] }], ...more },
});
const policy = (spec: object, kind: UserPolicy["kind"] = "CiliumNetworkPolicy"): UserPolicy => ({
  kind,
  namespace: "shop",
  name: "client",
  specs: [{ path: "spec", spec: { ...spec } }],
});
const toPorts = (port: string, protocol = "TCP") => [{ toPorts: [{ ports: [{ port, protocol }] }] }];
const allows = policy({ egress: toPorts("http") });
const denies = policy({ egressDeny: toPorts("http") });
const two = portNumbers([pod(8080), pod(8081)]);
const up = { from: "1.19.7", to: "1.20.2" };
const back = { from: "1.20.2", to: "1.19.7" };

test("numbers are those of pods with an endpoint, by protocol, and of templates", () => {
  const deployment = { kind: "Deployment", spec: { template: { spec: pod(80).spec } } };
  const numbers = portNumbers([
    pod(8080),
    pod(8081, { hostNetwork: true }),
    { ...pod(8082), status: { phase: "Succeeded" } },
    pod(8083, {}, { protocol: "UDP" }),
    deployment,
    { kind: "Pod" },
  ]);
  expect([...numbers].map(([name, of]) => [name, [...of]])).toEqual([
    ["TCP http", [8080, 80]],
    ["UDP http", [8083]],
  ]);
});

test("a name with several numbers counts from 1.20 on, and no longer on the way back", () => {
  expect(namedPortFindings([allows], up, two)).toMatchObject([
    {
      id: "policy-changes-meaning",
      grade: "caution",
      message: expect.stringMatching(
        /shop\/client means port http .* 8080 and 8081: .* it allows what it says/,
      ),
    },
  ]);
  expect(namedPortFindings([denies], up, two)).toMatchObject([{ grade: "serious" }]);
  expect(namedPortFindings([allows, denies], back, two)).toMatchObject([
    { grade: "serious", message: expect.stringContaining("no longer allows anything") },
    { grade: "serious", message: expect.stringContaining("no longer denies anything") },
  ]);
});

test("Kubernetes' own policies too; any protocol is all of them", () => {
  const ports = [{ ports: [{ port: "http" }, { port: 443 }] }];
  expect(namedPortFindings([policy({ egress: ports }, "NetworkPolicy")], up, two)).toHaveLength(1);
  const any = policy({ egress: toPorts("http", "ANY") });
  expect(namedPortFindings([any], up, two)).toHaveLength(1);
});

test("nothing for one number, a number, ingress, or a move that does not cross 1.20", () => {
  const rest = [
    policy({ egress: toPorts("8080") }),
    policy({ egress: toPorts("http", "UDP") }),
    policy({ ingress: toPorts("http") }),
    policy({ egress: [{}] }),
  ];
  expect(namedPortFindings(rest, up, two)).toEqual([]);
  expect(namedPortFindings([allows], up, portNumbers([pod(8080), pod(8080)]))).toEqual([]);
  expect(namedPortFindings([allows], { from: "1.18.11", to: "1.19.7" }, two)).toEqual([]);
  expect(namesInEgress([allows, ...rest], up)).toEqual(["http"]);
  expect(namesInEgress([allows], { from: "1.20.0", to: "1.20.2" })).toEqual([]);
});
