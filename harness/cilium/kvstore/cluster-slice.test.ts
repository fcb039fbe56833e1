import { zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readClusterSlice } from "./cluster-slice.ts";

/** Field numbers as in internal/generated.proto of pkg/clustermesh/types/endpointslice, Cilium 1.20.2. */
const bytes = (field: number, value: string | Uint8Array): Buffer => {
  const content = Buffer.from(value);
  return Buffer.concat([Buffer.from([field * 8 + 2]), Buffer.from(varint(content.length)), content]);
};
const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) + 128, ...varint(Math.floor(n / 128))]);
const entry = (key: string, value: string): Buffer => Buffer.concat([bytes(1, key), bytes(2, value)]);

// Conditions: ready, serving, not terminating.
const conditions = bytes(2, Buffer.from([8, 1, 16, 1, 24, 0]));
const endpoint = (...addresses: string[]): Buffer =>
  bytes(8, Buffer.concat([...addresses.map((a) => bytes(1, a)), conditions, bytes(6, "east-worker")]));
const message = Buffer.concat([
  bytes(1, "east"),
  Buffer.from([16, ...varint(256)]),
  bytes(3, "shop"),
  bytes(4, "echo-x7kq2"),
  bytes(5, entry("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io")),
  bytes(5, entry("kubernetes.io/service-name", "echo")),
  bytes(7, "IPv4"),
  endpoint("10.1.0.9"),
  endpoint("10.1.0.12"),
  bytes(9, Buffer.concat([bytes(1, "http"), bytes(2, "TCP"), Buffer.from([24, ...varint(8080)])])),
]);
const key = "east/shop/echo-x7kq2";

describe("an EndpointSlice in a kvstore", () => {
  test("names its cluster, its service and the addresses of its endpoints", () => {
    expect(readClusterSlice(key, zstdCompressSync(message))).toEqual({
      cluster: "east",
      clusterId: 256,
      namespace: "shop",
      name: "echo-x7kq2",
      service: "echo",
      addresses: ["10.1.0.12", "10.1.0.9"],
      serving: 2,
    });
  });

  test("an endpoint that does not serve is not counted, one without conditions is", () => {
    const stopped = Buffer.concat([bytes(1, "10.1.0.20"), bytes(2, Buffer.from([8, 0, 16, 0, 24, 1]))]);
    const all = Buffer.concat([message, bytes(8, stopped), bytes(8, bytes(1, "10.1.0.21"))]);
    expect(readClusterSlice(key, zstdCompressSync(all))).toMatchObject({ serving: 3 });
  });

  test("one that is of another key, cut off, not compressed or of another form is an error that names the key", () => {
    const named =
      (value: Uint8Array, at = key): (() => unknown) =>
      () =>
        readClusterSlice(at, value);
    expect(named(zstdCompressSync(message), "west/shop/echo")).toThrow(
      "kvstore key cilium/state/endpointslices/v1/west/shop/echo is no EndpointSlice: it is of east/shop/echo-x7kq2",
    );
    expect(named(zstdCompressSync(message.subarray(0, -3)))).toThrow("it is cut off");
    expect(named(message)).toThrow(key);
    expect(named(zstdCompressSync(Buffer.from([13, 0, 0, 0, 0])))).toThrow("wire type 5");
  });
});
