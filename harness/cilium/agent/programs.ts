import type { Attached } from "#harness/model/mesh-snapshot.ts";

/**
 * Lists the pins of Cilium's links: without its pin a link, and its program, is gone (pkg/datapath/loader/tcx.go@1.20.2).
 * A link that was detached and kept its pin is not seen. Before Linux 6.6 programs are attached by tc, without a pin.
 */
export const programsCommand: readonly string[] = [
  ...["sh", "-c", "find /sys/fs/bpf/cilium/devices -name 'cil_*'; true"],
];

/** The same of what `find /sys/fs/bpf -ls` lists, in bugtool. */
export function readPrograms(text: string): Attached[] {
  const programs = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [, device, program] =
      /\/sys\/fs\/bpf\/cilium\/devices\/([^/\s]+)\/links\/(cil_\w+)$/.exec(line) ?? [];
    // XDP has links on older kernels too, so its pin says nothing of the others.
    if (device === undefined || program === undefined || program.startsWith("cil_xdp")) continue;
    programs.set(device, [...(programs.get(device) ?? []), program].toSorted());
  }
  return [...programs].map(([device, found]) => ({ device, programs: found }));
}
