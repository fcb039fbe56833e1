import { MeshproofError } from "#harness/lib/errors.ts";
import type { NodeLinkState } from "#harness/model/mesh-snapshot.ts";
import { command, output } from "#harness/platform/command.ts";
import { onNode } from "../node.ts";
import type { KindNode } from "./kind-node.ts";

/** The host's end of a node's link to its Docker network, of which the node itself sees nothing. */
export interface HostLink {
  readonly name: string;
  readonly mtu: number;
}

/** Undefined if the node does not run: its next link has Docker's MTU. */
export async function hostLinkOf(node: KindNode, signal: AbortSignal): Promise<HostLink | undefined> {
  const index = await onNode(node, ["cat", "/sys/class/net/eth0/iflink"], { signal, tolerate: true });
  if (index.exitCode !== 0) return undefined;
  return linkIn(await onHost(node, ["-o", "link"], signal), index.stdout.trim());
}

/** Both ends of a node's link, and the image whose `ip` can change the host's end; undefined if the node does not run. */
export async function linkState(node: KindNode, signal: AbortSignal): Promise<NodeLinkState | undefined> {
  const link = await hostLinkOf(node, signal);
  if (link === undefined) return undefined;
  const inside = await onNode(node, ["cat", "/sys/class/net/eth0/mtu"], { signal });
  return {
    ...{ node: node.name, link: link.name, mtu: link.mtu, nodeMtu: Number(inside.stdout.trim()) },
    image: await imageOf(node),
  };
}

const imageOf = async (node: KindNode): Promise<string> =>
  (await output("docker", ["inspect", "--format", "{{.Image}}", node.container])).trim();

/** `12: veth1a2b@if2: <BROADCAST,UP> mtu 1500 ...` of `ip -o link`, by its index. */
export function linkIn(listed: string, index: string): HostLink {
  const line = listed.split("\n").find((l) => l.startsWith(`${index}: `)) ?? "";
  const [, name, mtu] = /^\d+: ([^:@\s]+)[^:]*: .*\bmtu (\d+)/.exec(line) ?? [];
  if (name === undefined || mtu === undefined)
    throw new MeshproofError("lab-broken", `the host has no link number ${index} with an MTU`, {
      remedy: "run it on the machine of the Docker daemon",
    });
  return { name, mtu: Number(mtu) };
}

export async function setLinkMtu(node: KindNode, mtu: number, signal: AbortSignal): Promise<void> {
  const link = await hostLinkOf(node, signal);
  if (link === undefined || link.mtu === mtu) return;
  await onHost(node, ["link", "set", "dev", link.name, "mtu", String(mtu)], signal);
}

/** Runs `ip` of the node's image in the network namespace of the Docker daemon, whose user may do so. */
async function onHost(node: KindNode, argv: readonly string[], signal: AbortSignal): Promise<string> {
  const run = [
    "run",
    "--rm",
    "--network=host",
    "--cap-add=NET_ADMIN",
    "--entrypoint=ip",
    await imageOf(node),
    ...argv,
  ];
  return (await command("docker", run, { signal })).stdout;
}
