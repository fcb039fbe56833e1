import { describe, expect, test } from "vitest";
import { type AnnotatedSide, type AnnotatingCluster, disagreements } from "./service-agreement.ts";

const global = "service.cilium.io/global";
const shared = "service.cilium.io/shared";
const affinity = "service.cilium.io/affinity";

const side = (
  name: string,
  annotations: Record<string, string>,
  more: Partial<AnnotatingCluster> = {},
): AnnotatedSide => ({
  c: { name, version: "1.20.2", settings: {}, namespaces: [], ...more },
  service: { namespace: "shop", annotations },
});
const lines = (...sides: readonly AnnotatedSide[]): string[] =>
  disagreements(sides).map((d) => `${d.cluster}: ${d.problem} [${d.matters}]`);

test("sides that fit say nothing", () => {
  expect(
    lines(side("a", { [global]: "true", [affinity]: "local" }), side("b", { [global]: "true" })),
  ).toEqual([]);
  expect(lines(side("a", {}), side("b", {}))).toEqual([]);
});

describe("marks that do not fit", () => {
  test.each([
    [
      "a side that does not share is worth a word",
      [{ [global]: "true" }, { [global]: "true", [shared]: "false" }],
      [/^b: is global, and b does not share .* \[no\]$/],
    ],
    [
      "none shares",
      [
        { [global]: "true", [shared]: "false" },
        { [global]: "true", [shared]: "no" },
      ],
      [/^a, b: is global in a and b, and shared by none/],
    ],
    [
      "affinities that cross",
      [
        { [global]: "true", [affinity]: "local" },
        { [global]: "true", [affinity]: "Remote" },
      ],
      [/^a, b: affinity "local" in a, "remote" in b: clients of both prefer backends of a/],
    ],
    [
      "remote affinity where the others share nothing",
      [
        { [global]: "true", [affinity]: "remote" },
        { [global]: "true", [shared]: "false" },
      ],
      [/^b: .*\[no\]$/, /^a: affinity "remote" in a .* b shares none \[perhaps\]$/],
    ],
    [
      "marks of a service that is global nowhere",
      [{ [affinity]: "local" }, { [shared]: "false" }],
      [
        /^a: service.cilium.io\/affinity: "local" has no effect/,
        /^b: service.cilium.io\/shared: "false" has no/,
      ],
    ],
  ])("%s", (_, [a = {}, b = {}], expected) => {
    expect(lines(side("a", a), side("b", b))).toEqual(expected.map((e) => expect.stringMatching(e)));
  });

  test("an exported service needs no mark", () => {
    const own = side("a", { [affinity]: "local" });
    expect(lines({ ...own, service: { ...own.service, isExported: true } })).toEqual([]);
  });
});

describe("settings of the cluster", () => {
  const off = { settings: { "clustermesh-default-global-namespace": "false" } };
  const mark = (value: string) => [{ name: "shop", annotations: { "clustermesh.cilium.io/global": value } }];
  test.each([
    ["the default", { ...off, namespaces: [{ name: "shop", annotations: {} }] }, [/is false\): .*\[yes\]$/]],
    ["the default, of a namespace in no file", off, [/it is in no file\): .*\[perhaps\]$/]],
    ["a mark over the default", { ...off, namespaces: mark("true") }, []],
    ["a mark", { namespaces: mark("false") }, [/clustermesh.cilium.io\/global: "false"/]],
    [
      "a mark in 1.19",
      { version: "1.19.4", namespaces: mark("false") },
      [/identities and addresses of its pods/],
    ],
    ["a mark before 1.19", { version: "1.18.6", namespaces: mark("false") }, []],
    ["a placeholder", { ...off, unknown: new Set(["clustermesh-default-global-namespace"]) }, []],
  ])("a namespace that is not shared: %s", (_, more: Partial<AnnotatingCluster>, expected) => {
    expect(lines(side("a", { [global]: "true" }, more))).toEqual(
      expected.map((e) => expect.stringMatching(e)),
    );
  });

  test("synchronisation of EndpointSlices that is off", () => {
    const own = { [global]: "true", "service.cilium.io/global-sync-endpoint-slices": "true" };
    const on = { settings: { "clustermesh-enable-endpoint-sync": "true" } };
    expect(lines(side("a", own))).toEqual([
      expect.stringContaining("enableEndpointSliceSynchronization is off in a"),
    ]);
    expect(lines(side("a", own, on))).toEqual([]);
    expect(lines(side("a", own, { unknown: new Set(["clustermesh-enable-endpoint-sync"]) }))).toEqual([]);
  });
});
