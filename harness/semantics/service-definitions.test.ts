import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import {
  type DefinedService,
  definitionTriggers,
  serviceProblems,
  unmatchedPorts,
} from "./service-definitions.ts";

const defects = await readKnownDefects(join(import.meta.dirname, "../../suites"));

const service = (
  annotations: Record<string, string>,
  news: Partial<DefinedService> = {},
): DefinedService => ({
  namespace: "shop",
  name: "cart",
  annotations: { "service.cilium.io/global": "true", ...annotations },
  ports: [{ name: "http", port: 80 }],
  ...news,
});
const cluster = (name: string, services: readonly DefinedService[], version = "1.19.4") => ({
  name,
  version,
  hasServices: true,
  services,
});
const problemsOf = (a: readonly DefinedService[], b: readonly DefinedService[], version?: string): string[] =>
  serviceProblems([cluster("c1", a, version), cluster("c2", b, version)], defects).map(
    (p) => `${p.cluster}: ${p.problem}`,
  );

test("a pair that fits has no problem, whatever the case of its marks", () => {
  expect(problemsOf([service({})], [service({ "service.cilium.io/global": "True" })])).toEqual([]);
});

test.each([
  ["no counterpart", [service({})], [], "c2: global in c1, and absent here"],
  ["a counterpart elsewhere", [service({})], [service({}, { namespace: "eu" })], "there is eu/cart"],
  [
    "global on one side",
    [service({})],
    [service({ "service.cilium.io/global": "false" })],
    "is not global in c2",
  ],
  [
    "port names",
    [service({})],
    [service({}, { ports: [{ name: "web", port: 80 }] })],
    "c1 80 http, c2 80 web",
  ],
  [
    "affinity none",
    [service({ "service.cilium.io/affinity": "none" })],
    [service({})],
    'affinity "none": Cilium 1.19.4',
  ],
  ["two marks", [service({ "io.cilium/global-service": "false" })], [service({})], "the first counts"],
  [
    "a mark with a typo",
    [service({ "service.cilium.io/shared": "yes" })],
    [service({})],
    '"yes" is read as "false"',
  ],
  [
    "a mark of both that is none",
    [service({ "service.cilium.io/global": "yes" })],
    [service({ "service.cilium.io/global": "yes" })],
    "c2: service.cilium.io/global",
  ],
])("%s", (_, a, b, message) => {
  expect(problemsOf(a, b).join("\n")).toContain(message);
});

test("families without one in common, where both are known", () => {
  const of = (...families: ("IPv4" | "IPv6")[]): DefinedService[] => [service({}, { families })];
  expect(problemsOf(of("IPv4"), of("IPv6"))).toEqual([
    expect.stringMatching(/^c1, c2: no IP family in common: c1 IPv4, c2 IPv6;/),
  ]);
  expect(problemsOf(of("IPv4"), of("IPv6", "IPv4"))).toEqual([]);
  expect(problemsOf(of("IPv4"), [service({})])).toEqual([]);
});

test("another name of a port is seen in whichever order the clusters are given", () => {
  const one = [service({}, { ports: [{ name: "http", port: 80 }] })];
  const both = [
    service(
      {},
      {
        ports: [
          { name: "web", port: 80 },
          { name: "http", port: 81 },
        ],
      },
    ),
  ];
  for (const found of [problemsOf(one, both), problemsOf(both, one)])
    expect(found.join("\n")).toContain("port names differ");
});

test("a port that one side lacks is named as that, and breaks a service only where no port is common", () => {
  const http = { name: "http", port: 80 };
  const of = (...ports: DefinedService["ports"]) => [service({}, { ports })];
  const found = (a: DefinedService[], b: DefinedService[]) =>
    serviceProblems([cluster("c1", a), cluster("c2", b)], defects).map((p) => [p.matters, p.problem]);
  expect(found(of(http, { name: "metrics", port: 9100 }), of(http))).toEqual([
    ["perhaps", "c1 has port 9100 metrics, and c2 does not: clients of c1 get no backend of c2 there"],
  ]);
  expect(found(of(http), of({ name: "web", port: 8080 }))).toEqual([
    ["yes", expect.stringMatching(/^c1 has port 80 http, and c2 .*; c2 has port 8080 web, and c1/)],
  ]);
  // Backends are found by the name.
  expect(found(of(http), of({ name: "http", port: 8080 }))).toEqual([]);
  const headless = (...ports: DefinedService["ports"]) => [service({}, { ports, isHeadless: true })];
  expect(found(headless(http), headless())).toEqual([]);
});

test("a headless service lacks the pods of clusters whose EndpointSlices are not synchronised", () => {
  const sync = "service.cilium.io/global-sync-endpoint-slices";
  const found = (own: Partial<DefinedService>, settings: Record<string, string> | undefined, marks = {}) =>
    serviceProblems(
      [
        {
          ...cluster("c1", [service(marks, { isHeadless: true, pods: 2, ...own })]),
          ...(settings === undefined ? {} : { settings }),
        },
        cluster("c2", [service({}, { isHeadless: true, pods: 2 })]),
      ],
      defects,
    ).map((p) => [p.matters, p.problem]);
  const lacks = expect.stringMatching(/^is headless and global, .* off in c1: DNS of c1 .* pods of c2$/);
  expect(found({}, {})).toEqual([["perhaps", lacks]]);
  expect(found({ pods: 0 }, {})).toEqual([["yes", lacks]]);
  expect(found({}, {}, { [sync]: "true" })).toEqual([["perhaps", lacks]]);
  // On, not known, meant for its own cluster, with an address.
  expect(found({}, { "clustermesh-enable-endpoint-sync": "true" })).toEqual([]);
  expect(found({}, undefined)).toEqual([]);
  expect(found({}, {}, { [sync]: "false" })).toEqual([]);
  expect(found({ isHeadless: false }, {})).toEqual([]);
});

describe("a service that Cilium of its cluster leaves alone", () => {
  const labels = { "service.kubernetes.io/service-proxy-name": "kube-router" };
  const found = (own: DefinedService, more: object = {}, other = service({})) =>
    serviceProblems([{ ...cluster("c1", [own]), ...more }, cluster("c2", [other])], defects).map(
      (p) => `${p.cluster}: ${p.problem} [${p.matters}]`,
    );
  const setting = "k8s-service-proxy-name";

  test("by its label, as its settings say", () => {
    const own = service({}, { labels });
    expect(found(own, { settings: {} })).toEqual([
      expect.stringMatching(
        /^c1: is global, and has the label .*"kube-router": Cilium of c1 does not .*\[yes\]$/,
      ),
    ]);
    expect(found(own, { settings: { [setting]: "kube-router" } })).toEqual([]);
    for (const unknown of [{}, { settings: {}, unknown: new Set([setting]) }])
      expect(found(own, unknown)).toEqual([expect.stringMatching(/unless its k8s-.*\[perhaps\]$/)]);
  });

  test("lends nobody its pods", () => {
    const lender = service({}, { labels, pods: 2 });
    expect(found(lender, { settings: {} }, service({}, { pods: 0 })).join("\n")).toContain(
      "c2: nobody serves it for clients in c2: c2 has no pods of it, Cilium of c1 does not read it [yes]",
    );
  });
});

test("a mark that nobody reads matters where the service is not global because of it", () => {
  const wrong = { "service.cilium.io/global": "false", "service.io.cilium/global": "true" };
  const matters = (own: DefinedService): (string | undefined)[] =>
    serviceProblems([cluster("c1", [own]), cluster("c2", [service({})])], defects)
      .filter((p) => /no annotation|label/.test(p.problem))
      .map((p) => p.matters);
  expect(matters(service(wrong))).toEqual(["yes"]);
  expect(matters(service({ "service.io.cilium/global": "true" }))).toEqual(["perhaps"]);
  const label = { labels: { "service.cilium.io/global": "true" } };
  expect(matters({ ...service({}, label), annotations: {} })).toEqual(["yes"]);
});

test("the DNS of two clusters under one name", () => {
  const dns = (annotations: Record<string, string> = {}): DefinedService =>
    service(annotations, { namespace: "kube-system", name: "kube-dns", selector: { "k8s-app": "kube-dns" } });
  const found = (a: DefinedService, b: DefinedService) =>
    serviceProblems([cluster("c1", [a]), cluster("c2", [b])], defects)
      .filter((p) => p.problem.includes("own DNS"))
      .map((p) => [p.cluster, p.matters]);
  expect(found(dns(), dns())).toEqual([["c1, c2", "yes"]]);
  const local = dns({ "service.cilium.io/affinity": "local" });
  expect(found(local, local)).toEqual([["c1, c2", "perhaps"]]);
});

test("values and ports that other versions read right are no problem", () => {
  expect(problemsOf([service({ "service.cilium.io/affinity": "none" })], [service({})], "1.20.2")).toEqual(
    [],
  );
  const api = service(
    {},
    { ports: [8080, 80].map((port) => ({ name: `p${port}`, port, targetPort: 8080 })) },
  );
  expect(problemsOf([api], [api])).toEqual([]);
  expect(problemsOf([api], [api], "1.19.1").join("\n")).toContain("two ports have one target port");
});

describe("a global service without backends for the clients of a cluster", () => {
  const unshared = { "service.cilium.io/shared": "false" };
  const nobody = (a: DefinedService, b: readonly DefinedService[]): string[] =>
    problemsOf([a], b).filter((p) => p.includes("nobody serves"));
  const none = service({ "service.cilium.io/affinity": "remote" }, { pods: 0 });

  test("is named with what each cluster lacks", () => {
    expect(nobody(none, [service(unshared, { pods: 2 })])).toEqual([
      'c1: nobody serves it for clients in c1: c1 has no pods of it, c2 does not share its 2 (service.cilium.io/shared: "false")',
    ]);
    expect(nobody(none, [service({}, { pods: 0 })])).toEqual([
      expect.stringContaining("c1 has no pods of it, c2 has none either"),
      expect.stringContaining("c2 has no pods of it, c1 has none either"),
    ]);
    expect(nobody(none, [])).toEqual([expect.stringContaining("c2 does not have the service")]);
    expect(nobody(none, [service({ "service.cilium.io/global": "false" }, { pods: 1 })])).toEqual([
      expect.stringContaining("c2 does not share its 1 (it is not global there)"),
    ]);
  });

  test.each([
    ["another cluster shares its pods", none, service({}, { pods: 1 })],
    ["another cluster's pods are not known", none, service({})],
    ["its own pods are not known", service({}), service(unshared, { pods: 1 })],
    [
      "its own cluster has pods that it does not share",
      service(unshared, { pods: 1 }),
      service(unshared, { pods: 1 }),
    ],
  ])("is not, where %s", (_, a, b) => {
    expect(nobody(a, [b])).toEqual([]);
  });
});

test("where no list of services is known, nothing is missing", () => {
  const silent = { name: "c2", hasServices: false, services: [] };
  expect(serviceProblems([cluster("c1", [service({})]), silent], defects)).toEqual([]);
});

test("a port without a name fits every name, of its protocol", () => {
  const http = [{ name: "http", port: 80 }];
  expect(unmatchedPorts(http, [{ port: 80 }])).toEqual([]);
  expect(unmatchedPorts([{ name: "", port: 80 }], [{ name: "web", port: 80 }])).toEqual([]);
  expect(unmatchedPorts(http, [{ name: "http", port: 8080, protocol: "TCP" }])).toEqual([]);
  expect(unmatchedPorts(http, [{ port: 80, protocol: "UDP" }])).toEqual(http);
  expect(unmatchedPorts(http, [{ name: "web", port: 80 }])).toEqual(http);
});

test("the defects that definitions trigger are in the list, and need no settings", () => {
  const known = defects.filter((d) => definitionTriggers.has(d.id));
  expect(known).toHaveLength(definitionTriggers.size);
  expect(known.flatMap((d) => Object.keys(d.when ?? {}))).toEqual([]);
});

test("the versions of a defect are those of the list", () => {
  const none = [service({ "service.cilium.io/affinity": "none" })];
  const versions = ["1.18.11", "1.19.5", "1.19.6", "1.20.0"];
  expect(versions.filter((v) => problemsOf(none, [service({})], v).length > 0)).toEqual([
    "1.18.11",
    "1.19.5",
  ]);
});
