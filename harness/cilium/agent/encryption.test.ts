import { expect, test } from "vitest";
import { readEncryption } from "./encryption.ts";

const key = "51IZ1g+1OkfDlZ3cPB9U7y1KdQYKW7IV5fb0Sbys9VM=";

test("the key of WireGuard, and the counters of IPsec that are not 0", () => {
  const wireguard = `Encryption: Wireguard                 \nInterface: cilium_wg0\n\tPublic key: ${key}\n\tNumber of peers: 3\n`;
  expect(readEncryption(wireguard)).toEqual({ wireguardKey: key, xfrmErrors: {} });
  const ipsec =
    "Encryption: IPsec                     \nKeys in use: 1\nErrors: 2036\n\tXfrmInStateProtoError: 2036   \n";
  expect(readEncryption(ipsec)).toEqual({ xfrmErrors: { XfrmInStateProtoError: 2036 } });
  const counters = "XfrmInError             \t0\nXfrmInStateProtoError   \t2036\n";
  expect(readEncryption(counters)).toEqual({ xfrmErrors: { XfrmInStateProtoError: 2036 } });
  expect(readEncryption("Encryption: Disabled   \n")).toEqual({ xfrmErrors: {} });
});

test("what is no such output is refused", () => {
  expect(() => readEncryption("command not found")).toThrow("no state of encryption");
});
