import { join } from "node:path";
import { type KillMatrix, type ProofRecord, unknownCells } from "#harness/model/kill-matrix.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";

/** In a run's folder: what `prove --resume` reads. */
export const matrixFile = "kill-matrix.json";

export const writeProof = (dir: string, record: ProofRecord): Promise<void> =>
  writeReportFile(join(dir, matrixFile), `${JSON.stringify(record, null, 1)}\n`);

/**
 * Of a proof whose tests on the healed mesh ended with `byTests`. `whole`: every fault was tried, so that a test which none
 * of them killed proves nothing.
 */
export function proofExitCode(byTests: number, matrix: KillMatrix, whole: boolean): number {
  if (byTests === 130 || byTests === 1) return byTests;
  if (matrix.survivors.length > 0 || (whole && matrix.unkilled.length > 0)) return 1;
  return unknownCells(matrix) > 0 ? 3 : byTests;
}

/** The kill matrix as the last lines of a proof. */
export function proofLines(matrix: KillMatrix): string[] {
  const killed = matrix.cells.filter((c) => c.state === "killed").length;
  const unknown = unknownCells(matrix);
  return [
    "",
    `kill matrix: ${matrix.faults.length} faults, ${killed} kills, ${matrix.survivors.length} survivors; ${matrix.tests.length - matrix.unkilled.length} of ${matrix.tests.length} tests were killed at least once`,
    ...(unknown === 0
      ? []
      : [
          `  ${unknown} cells are unknown because the test machine was disturbed: prove their faults again with --fault`,
        ]),
    ...matrix.survivors.map((s) => `  survivor: ${s}`),
    // Of a few faults nobody expects that they kill every test.
    ...(matrix.everyFault === true ? matrix.unkilled.map((t) => `  never killed: ${t}`) : []),
  ];
}
