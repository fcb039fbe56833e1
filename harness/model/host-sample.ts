/** The host at one moment, taken every second beside a run. Times on the harness's monotonic clock. */
export interface HostSample {
  readonly atMs: number;
  /** Cores that were busy since the sample before, of all processes. */
  readonly busyCores: number;
  /** Of these: the lab's containers, and the harness with its children. */
  readonly labCores: number;
  readonly ownCores: number;
  /** Programs that are neither of these and used most of the rest; told only where that is much. */
  readonly foreignNames?: readonly string[];
  /** How late this sample's timer fired. */
  readonly lateMs: number;
  /** The least of what is free for Docker and for the reports. */
  readonly freeDiskBytes: number;
  /** Whether Docker's daemon answered when it was last asked. */
  readonly dockerAnswers: boolean;
}
