import ipaddr from "ipaddr.js";

export interface Cidr {
  readonly text: string;
  readonly kind: "ipv4" | "ipv6";
  readonly bits: number;
  readonly first: bigint;
  readonly last: bigint;
}

function toBigInt(bytes: readonly number[]): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function fromBigInt(value: bigint, kind: Cidr["kind"]): string {
  const bytes: number[] = [];
  for (let i = kind === "ipv4" ? 3 : 15; i >= 0; i--) bytes.push(Number((value >> BigInt(i * 8)) & 255n));
  return ipaddr.fromByteArray(bytes).toString();
}

/** Throws a plain Error on anything but `address/bits` with no host bits set. */
export function parseCidr(text: string): Cidr {
  if (!/^[0-9a-fA-F.:]+\/\d{1,3}$/.test(text))
    throw new Error(`${JSON.stringify(text)} is not of the form 10.0.0.0/16`);
  let address: ipaddr.IPv4 | ipaddr.IPv6;
  let bits: number;
  try {
    [address, bits] = ipaddr.parseCIDR(text);
  } catch {
    throw new Error(`${JSON.stringify(text)} is not a CIDR`);
  }
  const kind = address.kind();
  const size = BigInt((kind === "ipv4" ? 32 : 128) - bits);
  const value = toBigInt(address.toByteArray());
  const first = (value >> size) << size;
  if (first !== value)
    throw new Error(`${text} has host bits set; did you mean ${fromBigInt(first, kind)}/${bits}?`);
  return { text, kind, bits, first, last: first + (1n << size) - 1n };
}

/** The CIDR of an `address/bits` that may have host bits, as Kubernetes and Cilium read it; undefined if it is none. */
export function networkOf(text: string): string | undefined {
  if (!/^[0-9a-fA-F.:]+\/\d{1,3}$/.test(text) || !ipaddr.isValidCIDR(text)) return undefined;
  const [address, bits] = ipaddr.parseCIDR(text);
  const kind = address.kind();
  const size = BigInt((kind === "ipv4" ? 32 : 128) - bits);
  return `${fromBigInt((toBigInt(address.toByteArray()) >> size) << size, kind)}/${bits}`;
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.kind === b.kind && a.first <= b.last && b.first <= a.last;
}

export function contains(cidr: Cidr, address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  const value = toBigInt(parsed.toByteArray());
  return parsed.kind() === cidr.kind && cidr.first <= value && value <= cidr.last;
}

/** The next CIDR of the same size. */
export function nextCidr({ last, kind, bits }: Cidr): Cidr {
  return parseCidr(`${fromBigInt(last + 1n, kind)}/${bits}`);
}

/** The address at `offset` from the start of the CIDR. */
export function addressAt(cidr: Cidr, offset: number): string {
  const value = cidr.first + BigInt(offset);
  if (value > cidr.last) throw new Error(`${cidr.text} has no address number ${offset}`);
  return fromBigInt(value, cidr.kind);
}

/** The smallest CIDR that contains all of these, which must be of one kind. Throws a plain Error for an empty list. */
export function coveringCidr(texts: readonly string[]): string {
  const all = texts.map(parseCidr);
  const [head] = all;
  if (head === undefined) throw new Error("no CIDR to cover");
  const size = head.kind === "ipv4" ? 32 : 128;
  let bits = Math.min(...all.map((c) => c.bits));
  const begin = ({ first }: Cidr): bigint => first >> BigInt(size - bits);
  while (all.some((c) => begin(c) !== begin(head))) bits -= 1;
  return `${fromBigInt(begin(head) << BigInt(size - bits), head.kind)}/${bits}`;
}

/** The range of `bits` that holds a smaller one. */
function widened({ kind, first }: Cidr, bits: number): string {
  const size = BigInt((kind === "ipv4" ? 32 : 128) - bits);
  return `${fromBigInt((first >> size) << size, kind)}/${bits}`;
}

/** Of each family, the smallest range that holds them all, and at least one of a usual size for a cluster. */
export function usualRange(cidrs: readonly string[]): string[] {
  return (["ipv4", "ipv6"] as const).flatMap((kind) => {
    const own = cidrs.filter((c) => c.includes(":") === (kind === "ipv6"));
    if (own.length === 0) return [];
    const usual = kind === "ipv4" ? 16 : 56;
    const all = parseCidr(coveringCidr(own));
    return [all.bits <= usual ? all.text : widened(all, usual)];
  });
}

/** An address as BPF maps write it, with IPv6 in brackets. */
export const hostPort = ({ ip, port }: { readonly ip: string; readonly port: number }): string =>
  ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
