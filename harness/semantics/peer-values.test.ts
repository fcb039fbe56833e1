import { describe, expect, test } from "vitest";
import { refusedValues, valuesRefused } from "./chart-refusals.ts";

const inMesh = (clusters: unknown, more: object = {}) => ({ clustermesh: { config: { clusters, ...more } } });
const refused = (clusters: unknown, more: object = {}): string[] =>
  valuesRefused(inMesh(clusters, more), "1.20.2").map(({ path, shown, who }) => `${who} ${path}: ${shown}`);
const by = "nothing can work with clustermesh.config.clusters: ";

describe("a peer that cannot be reached", () => {
  test.each([
    [
      "an address with a scheme and a port",
      [{ name: "b", address: "https://mesh.b.example.net:2379", port: 2379 }],
      "address https://mesh.b.example.net:2379 of b (rendered as https://https://mesh.b.example.net:2379:2379)",
    ],
    [
      "with a port",
      { b: { address: "mesh.b.example.net:2379", port: 2379 } },
      "address mesh.b.example.net:2379 of b (rendered as https://mesh.b.example.net:2379:2379)",
    ],
    [
      "with a path",
      { b: { address: "mesh.b.example.net/", port: 2379 } },
      "address mesh.b.example.net/ of b (rendered as https://mesh.b.example.net/:2379)",
    ],
    [
      "of IPv6 without brackets",
      { b: { address: "fd00::9", port: 2379 } },
      "address fd00::9 of b (rendered as https://fd00::9:2379)",
    ],
    [
      "with a password, which is not shown",
      { b: { address: "https://u:secret@b.example.net", port: 1 } },
      "address https://...@b.example.net of b (rendered as https://https://...@b.example.net:1)",
    ],
    ["an address that is a list", { b: { address: ["x"], port: 1 } }, "address of b, which is a list"],
    ["ips with a host name", { b: { ips: ["192.0.2.1", "b.example.net"] } }, "ips of b with b.example.net"],
    ["ips with a port", { b: { ips: ["192.0.2.1:2379"] } }, "ips of b with 192.0.2.1:2379"],
    ["ips that are no list", { b: { ips: "192.0.2.1" } }, "ips of b, which is the text 192.0.2.1"],
    ["ips that are a mapping", { b: { ips: { a: "192.0.2.1" } } }, "ips of b, which is a mapping"],
    ["a port that is a word", { b: { address: "b.example.net", port: "etcd" } }, "port etcd of b"],
    ["a port of 0", { b: { address: "b.example.net", port: 0 } }, "port 0 of b"],
    ["an empty name", [{ name: "", ips: ["192.0.2.1"] }], "item 1 without a name"],
    ["a name such as no", [{ name: false, ips: ["192.0.2.1"] }], "item 1 with the name false"],
    ["a name that is a number", [{ name: 7, ips: ["192.0.2.1"] }], "item 1 with the name 7"],
  ])("%s", (_, clusters, line) => {
    expect(refused(clusters)).toEqual([by + line]);
  });

  test("is serious before an upgrade", () => {
    expect(refusedValues(inMesh({ b: { ips: ["b.example.net"] } }), "1.20.2")).toMatchObject([
      { id: "value-refused", grade: "serious", message: expect.stringContaining("hostAliases") },
    ]);
  });
});

test.each([
  [
    "a host name and an address",
    { b: { address: "b.example.net", port: "2379" }, c: { address: "10.9.0.1" } },
  ],
  ["IPv6 in brackets, and in ips", { b: { address: "[fd00::9]", port: 1 }, c: { ips: ["fd00::9"] } }],
  ["an address that ips take the place of", { b: { address: "https://b:1", ips: ["192.0.2.1"] } }],
  ["what is filled in later", { b: { address: "https://${" + "HOST}", port: "{{ .p }}", ips: [] } }],
  ["a reference to a secret", { b: { address: "ref+vault://mesh/b#/host", port: 1 } }],
  ["a peer that is off", { b: { enabled: false, address: "https://b" } }],
])("%s are no fault", (_, clusters) => {
  expect(refused(clusters)).toEqual([]);
});

test("nothing is read where the list is off", () => {
  expect(refused({ b: { address: "https://b" } }, { enabled: false })).toEqual([]);
});
