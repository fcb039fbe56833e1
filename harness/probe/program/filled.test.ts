import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AskTarget } from "#harness/model/probe-wire.ts";
import { requestFilled } from "./filled.ts";

/** Answers like agnhost: /echo returns `msg`, in chunks if it is long, and /short only its first letter. */
const server = createServer({ maxHeaderSize: 1024 ** 2 }, (request, response) => {
  const url = new URL(request.url ?? "", "http://localhost");
  lengths.push(
    `GET ${request.url} HTTP/1.1\r\nHost: ${request.headers.host}\r\nConnection: close\r\n\r\n`.length,
  );
  const text = url.searchParams.get("msg") ?? "";
  if (url.pathname === "/short") response.end(text.slice(0, 1));
  else for (const part of text.match(/.{1,1000}/g) ?? []) response.write(part);
  response.end();
});
const datagrams = createSocket("udp4");
const lengths: number[] = [];

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  datagrams.on("message", (data, from) => {
    lengths.push(data.length);
    datagrams.send(data.subarray("echo ".length), from.port, from.address);
  });
  await new Promise<void>((resolve) => datagrams.bind(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await new Promise<void>((resolve) => datagrams.close(resolve));
});

const host = "127.0.0.1";
const portOf = (address: string | AddressInfo | null): number =>
  address !== null && typeof address === "object" ? address.port : 0;

test.each([1398, 64 * 1024])(
  "a request of %d bytes in all, and an answer that returns them",
  async (bytes) => {
    const answer = await requestFilled(
      {
        ...{ protocol: "http", host, port: portOf(server.address()), path: "/echo?msg=", count: 1 },
        fill: { bytes, echoed: true },
      },
      5000,
    );
    expect(answer).toEqual({ outcome: "ok", body: "filled", detail: "" });
    expect(lengths.pop()).toBe(bytes);
  },
);

test("a datagram of so many bytes", async () => {
  const answer = await requestFilled(
    {
      ...{ protocol: "udp", host, port: datagrams.address().port, path: "echo ", count: 1 },
      fill: { bytes: 1422, echoed: true },
    },
    5000,
  );
  expect(answer).toMatchObject({ outcome: "ok", body: "filled" });
  expect(lengths.pop()).toBe(1422);
});

test("an answer that lost a part is a bad one, where it must return the filling", async () => {
  const target: AskTarget = {
    ...{ protocol: "http", host, port: portOf(server.address()), path: "/short?msg=", count: 1 },
  };
  const short = await requestFilled({ ...target, fill: { bytes: 1398, echoed: true } }, 5000);
  expect(short).toMatchObject({ outcome: "bad-answer", detail: expect.stringContaining("has 1 of ") });
  const ignored = await requestFilled({ ...target, fill: { bytes: 1398, echoed: false } }, 5000);
  expect(ignored).toMatchObject({ outcome: "ok", body: "filled" });
});
