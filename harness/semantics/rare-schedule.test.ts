import { expect, test } from "vitest";
import { isRareSchedule } from "./rare-schedule.ts";

test.each(["", "@yearly", "0 0 1 1 *", "TZ=UTC 30 2 15 jun ?", "@annually"])(
  "%j comes once a year at most",
  (s) => {
    expect(isRareSchedule(s)).toBe(true);
  },
);

test.each(["0 0 1 */4 *", "0 0 1 1,7 *", "0 0 * 1 *", "0 0 1 1 1", "@monthly", "soon", "0 0 1-7 1 *"])(
  "%j comes more often, or nobody knows",
  (s) => {
    expect(isRareSchedule(s)).toBe(false);
  },
);
