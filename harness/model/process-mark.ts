/** One process of this machine, as files name it: pids are used again. */
export interface ProcessMark {
  readonly pid: number;
  /** When the process began, in the kernel's ticks. */
  readonly pidStart: string;
}
