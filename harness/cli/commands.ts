import { bundle } from "./bundle.ts";
import { certify } from "./certify.ts";
import type { CliCommand } from "./command.ts";
import { completionOf } from "./completion.ts";
import { diagnose } from "./diagnose.ts";
import { doctor } from "./doctor.ts";
import { down } from "./down.ts";
import { heal } from "./heal.ts";
import { images } from "./images.ts";
import { inject } from "./inject.ts";
import { list } from "./list.ts";
import { measure } from "./measure.ts";
import { probe } from "./probe.ts";
import { prove } from "./prove.ts";
import { report } from "./report.ts";
import { repro } from "./repro.ts";
import { run } from "./run.ts";
import { status } from "./status.ts";
import { test } from "./test.ts";
import { up } from "./up.ts";

/** Every command, in the order of the help. */
export const commands: readonly CliCommand[] = [
  run,
  list,
  doctor,
  images,
  up,
  down,
  status,
  test,
  prove,
  measure,
  certify,
  inject,
  heal,
  probe,
  diagnose,
  repro,
  bundle,
  report,
  completionOf(() => commands),
];
