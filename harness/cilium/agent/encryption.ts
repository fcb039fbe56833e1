import type { EncryptionState } from "#harness/model/agent-details.ts";

/** Prints its WireGuard key and the kernel's counters of IPsec. */
export const encryptionCommand: readonly string[] = [
  ...["sh", "-c", "cilium-dbg encrypt status; cat /proc/net/xfrm_stat 2>/dev/null; true"],
];

/**
 * Of `cilium-dbg encrypt status` (`printEncryptionStatus`, cilium-dbg/cmd/encrypt_status.go@1.20.2), of
 * `cilium-dbg status --verbose` (`Pubkey:`) and of `/proc/net/xfrm_stat`, in any order. Throws if it is none of these.
 */
export function readEncryption(text: string): EncryptionState {
  const lines = text.split("\n").filter((line) => line.length <= 4096);
  if (!lines.some((line) => /^Encryption: |^Xfrm\w+\s+\d+/.test(line)))
    throw new Error("it holds no state of encryption");
  const key = lines
    .map((line) => /(?:Public key|Pubkey): ([\w+/]{43}=)/.exec(line)?.[1])
    .find((found) => found !== undefined);
  const errors = lines.flatMap((line): [string, number][] => {
    const [, name, count] = /^\s*(Xfrm\w+):?\s+(\d+)\s*$/.exec(line) ?? [];
    return name === undefined || Number(count) === 0 ? [] : [[name, Number(count)]];
  });
  return { xfrmErrors: Object.fromEntries(errors), ...(key === undefined ? {} : { wireguardKey: key }) };
}
