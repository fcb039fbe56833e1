import { createSocket } from "node:dgram";
import { expect, onTestFinished, test } from "vitest";
import { requestByDns, requestByName, requestByUdp } from "./request.ts";

test("an address to which the kernel refuses to connect is an outcome, not the end of the program", async () => {
  // As Cilium does for a service without a backend; here the kernel, for a broadcast address.
  const answer = await requestByUdp("255.255.255.255", 9, "hostname", 1000);
  expect(answer).toMatchObject({ body: "", detail: expect.stringContaining("EACCES") });
  expect(answer.outcome).not.toBe("ok");
});

/** A DNS server that answers every question with one address. */
async function nameServer(address: readonly number[]): Promise<string> {
  const server = createSocket("udp4");
  server.on("message", (question, from) => {
    const answer = Buffer.concat([
      question.subarray(0, 2),
      // A response with one question and one answer; the answer's name is that of the question.
      Buffer.from([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]),
      endOfQuestion(question),
      Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, ...address]),
    ]);
    server.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${server.address().port}`;
}

/** Without what may follow the question. */
const endOfQuestion = (message: Buffer): Buffer => message.subarray(12, message.indexOf(0, 12) + 5);

test("a name is asked of another DNS server than the machine's own", async () => {
  const server = await nameServer([10, 102, 0, 2]);
  expect(await requestByDns("standing-remote.mp-standing.svc.cluster.local", 5000, server)).toEqual({
    ...{ outcome: "ok", body: "10.102.0.2", detail: "" },
  });
});

test("a request to a name that does not resolve says so, within its time", async () => {
  const answer = await requestByName("nothing.invalid", 80, "/", 500);
  expect(answer.outcome).not.toBe("ok");
  expect(answer.detail).toContain("name not resolved");
});
