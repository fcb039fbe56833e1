import { zstdDecompressSync } from "node:zlib";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";

/** Where clustermesh-apiserver writes the EndpointSlices of global services, from 1.20 on: `cluster/namespace/name`. */
export const slicePrefix = "cilium/state/endpointslices/v1/";

/** An EndpointSlice of another cluster, as far as it is compared. */
export interface ClusterSlice {
  readonly cluster: string;
  readonly clusterId: number;
  readonly namespace: string;
  readonly name: string;
  readonly service: string;
  /** Sorted. */
  readonly addresses: readonly string[];
  /** How many endpoints serve, also while they terminate; a missing condition counts as true. */
  readonly serving: number;
}

/** The decoder of Cilium refuses more (pkg/clustermesh/types/endpointslice/endpointslice.go). */
const maxBytes = 16 * 1024 * 1024;

/**
 * Reads the value of such a key: protobuf, compressed with zstd (pkg/clustermesh/types/endpointslice of 1.20.2; field
 * numbers of internal/generated.proto there and of pkg/k8s/slim/k8s/api/discovery/v1/generated.proto).
 */
export function readClusterSlice(key: string, value: Uint8Array): ClusterSlice {
  try {
    const fields = fieldsOf(zstdDecompressSync(value, { maxOutputLength: maxBytes }));
    const labels = new Map(
      bytesOf(fields, 5)
        .map(fieldsOf)
        .map((l) => [textOf(l, 1), textOf(l, 2)]),
    );
    const endpoints = bytesOf(fields, 8).map(fieldsOf);
    const slice = {
      cluster: textOf(fields, 1),
      clusterId: Number(fields.find((f) => f.number === 2)?.value ?? 0),
      namespace: textOf(fields, 3),
      name: textOf(fields, 4),
      service: labels.get("kubernetes.io/service-name") ?? "",
      addresses: endpoints.flatMap((endpoint) => bytesOf(endpoint, 1).map(decode)).sort(),
      serving: endpoints.filter(
        (endpoint) =>
          !bytesOf(endpoint, 2)
            .flatMap(fieldsOf)
            .some((f) => f.number === 2 && f.value === 0),
      ).length,
    };
    // Cilium too refuses one of another key.
    const own = `${slice.cluster}/${slice.namespace}/${slice.name}`;
    if (own !== key) throw new TypeError(`it is of ${own}`);
    return slice;
  } catch (error) {
    throw new MeshproofError(
      "evidence-malformed",
      `kvstore key ${slicePrefix}${key} is no EndpointSlice: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** A field of a protobuf message: a number, or bytes. */
interface Field {
  readonly number: number;
  readonly value: number | Uint8Array;
}

/** The fields of a protobuf message; throws if it ends within one, or has a kind that these messages never have. */
function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    // Not shifted: a 32-bit shift would lose the upper bits of a negative number, which takes ten bytes.
    for (let result = 0, factor = 1; ; factor *= 128) {
      const byte = message[at++];
      if (byte === undefined) throw new TypeError("it is cut off");
      result += (byte & 127) * factor;
      if (byte < 128) return result;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (tag % 8 === 0) fields.push({ number, value: varint() });
    else if (tag % 8 === 2) {
      const end = varint() + at;
      if (end > message.length) throw new TypeError("it is cut off");
      fields.push({ number, value: message.subarray(at, end) });
      at = end;
    } else throw new TypeError(`field ${number} has wire type ${tag % 8}`);
  }
  return fields;
}

const bytesOf = (fields: readonly Field[], number: number): Uint8Array[] =>
  fields
    .filter((f) => f.number === number)
    .map((f) => f.value)
    .filter((value) => typeof value !== "number");

const decode = (bytes: Uint8Array): string => new TextDecoder("utf-8", { fatal: true }).decode(bytes);

const textOf = (fields: readonly Field[], number: number): string =>
  decode(bytesOf(fields, number).at(-1) ?? new Uint8Array());
