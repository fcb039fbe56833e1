import { expect, test } from "vitest";
import { parseBackend, parseFrontend } from "./agent-tables.ts";

const line = (kind: string, state: number): string =>
  JSON.stringify({
    obj: {
      Address: "10.101.183.120:80/TCP",
      Status: { "updated-at": "2026-11-21T20:32:07.009916718Z", id: 209, kind },
      Backends: [
        { Address: "10.1.0.250:8080/TCP", State: state },
        { Address: "10.2.0.9:8080/TCP", State: 0 },
      ],
    },
    rev: 93,
  });

test("a change has a state, a time to the microsecond and the active backends", () => {
  const change = parseFrontend(line("Done", 1), "10.101.183.120:80/TCP");
  expect(change).toMatchObject({ status: "Done", active: ["10.2.0.9:8080"] });
  expect(change?.atUnixMs).toBeCloseTo(Date.parse("2026-11-21T20:32:07Z") + 9.916718, 3);
  expect(parseFrontend(line("Pending", 0), "10.101.183.120:80/TCP")?.active).toHaveLength(2);
});

test("other frontends and broken lines are ignored", () => {
  expect(parseFrontend(line("Done", 0), "10.101.183.120:82/TCP")).toBeUndefined();
  expect(parseFrontend('{"obj":', "x")).toBeUndefined();
  expect(parseFrontend('{"obj":{"Address":"x"}}', "x")).toBeUndefined();
});

test("a backend is active for a service while its instance for that service is active", () => {
  const backend = (state: number, deleted = false): string =>
    JSON.stringify({
      obj: {
        Address: "10.1.0.192:8080/TCP",
        Instances: [
          { k: { ServiceName: "a/other", SourcePriority: 4 }, v: { State: 0 } },
          { k: { ServiceName: "a/echo", SourcePriority: 4 }, v: { State: state } },
        ],
      },
      rev: 5,
      ...(deleted ? { deleted } : {}),
    });
  expect(parseBackend(backend(0), "a/echo")).toEqual({
    address: "10.1.0.192:8080",
    source: "",
    active: true,
  });
  expect(parseBackend(backend(1), "a/echo")?.active).toBe(false);
  expect(parseBackend(backend(0, true), "a/echo")?.active).toBe(false);
  expect(parseBackend(backend(0), "a/none")?.active).toBe(false);
  expect(parseBackend("{", "a/echo")).toBeUndefined();
});

test("a row of 1.20 is of one service, address and source", () => {
  const row = (over: object, deleted = false): string =>
    JSON.stringify({
      obj: {
        ServiceName: "a/echo",
        Address: "10.1.0.192:8080/TCP",
        PortNames: ["http"],
        Source: "clustermesh",
        State: 0,
        ...over,
      },
      rev: 5,
      ...(deleted ? { deleted } : {}),
    });
  const address = "10.1.0.192:8080";
  expect(parseBackend(row({}), "a/echo")).toEqual({ address, source: "clustermesh", active: true });
  expect(parseBackend(row({ State: 1 }), "a/echo")?.active).toBe(false);
  expect(parseBackend(row({}, true), "a/echo")?.active).toBe(false);
  expect(parseBackend(row({ ServiceName: "a/other" }), "a/echo")).toBeUndefined();
});
