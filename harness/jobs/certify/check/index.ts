export { type CheckReport, checkExitCode, checkFiles, type Versions } from "./check.ts";
export { checkContexts, checkLab } from "./live.ts";
