import type { EndpointChange } from "#harness/model/snapshot.ts";
import { lineTimeMs } from "./line-time.ts";

// What an agent logs of the endpoints on its node.

/** A longer line is not Cilium's, and would take long to match. */
const longestLine = 8192;

/** In text (`msg="New endpoint"`) and in JSON (`"msg":"New endpoint"`). */
const sentence = /\bmsg(?:=|"\s*:\s*)"(?:New|Removed) endpoint"/;

/** Whether a log line says that an endpoint came or went. */
export const isEndpointLine = (line: string): boolean =>
  (line.includes("New endpoint") || line.includes("Removed endpoint")) &&
  line.length <= longestLine &&
  sentence.test(line);

const addresses = ["ipv4", "ipv6"].map((key) => new RegExp(`\\b${key}(?:=|"\\s*:\\s*)"?([\\da-f.:]+)`));

/** The addresses that endpoints got or left: the fields `ipv4` and `ipv6` of these lines in logs of Cilium 1.19.1. */
export const readEndpointLog = (log: string): EndpointChange[] =>
  log.split("\n").flatMap((line) => {
    if (!isEndpointLine(line)) return [];
    const atMs = lineTimeMs(line);
    if (atMs === undefined) return [];
    return addresses.flatMap((address) => {
      const ip = address.exec(line)?.[1];
      return ip === undefined ? [] : [{ ip, atMs }];
    });
  });
