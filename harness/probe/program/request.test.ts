import { expect, test } from "vitest";
import { requestByUdp } from "./request.ts";

test("an address to which the kernel refuses to connect is an outcome, not the end of the program", async () => {
  // As Cilium does for a service without a backend; here the kernel, for a broadcast address.
  const answer = await requestByUdp("255.255.255.255", 9, "hostname", 1000);
  expect(answer).toMatchObject({ body: "", detail: expect.stringContaining("EACCES") });
  expect(answer.outcome).not.toBe("ok");
});
