import type { Attached } from "#harness/model/mesh-snapshot.ts";

/**
 * Lists the pins of Cilium's links; where a link is gone, its pin is, and the program does not run (pkg/bpf/link.go,
 * pkg/datapath/loader/tcx.go@1.20.2). Before Linux 6.6 programs are attached by tc, without a pin.
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
    if (device === undefined || program === undefined) continue;
    programs.set(device, [...(programs.get(device) ?? []), program].toSorted());
  }
  return [...programs].map(([device, found]) => ({ device, programs: found }));
}
