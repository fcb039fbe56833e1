/** One process of this machine, as files name it: pids are used again. */
export interface ProcessMark {
  readonly pid: number;
  /** When the process began, in the kernel's ticks. */
  readonly pidStart: string;
  /** The kernel's id of the boot: ticks begin anew with each. Files of earlier versions have none. */
  readonly bootId?: string;
}
