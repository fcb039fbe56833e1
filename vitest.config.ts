import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        // Unit tests: need no lab and no installed programs.
        test: {
          name: "unit",
          include: ["{harness,scripts}/**/*.test.ts"],
          globalSetup: ["scripts/unit-setup.ts"],
          // For a hung test only. A loaded machine takes five times as long as a fast one, and may stand still for seconds.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          expect: { poll: { timeout: 120_000 } },
        },
      },
      {
        // The suites, one after the other on the lab that `MESHPROOF_RUN` names. `retry: 0`: a flaky failover is a
        // finding.
        test: {
          name: "suites",
          include: ["suites/**/*.suite.ts"],
          setupFiles: ["harness/testkit/vitest-setup.ts"],
          pool: "forks",
          fileParallelism: false,
          sequence: { concurrent: false, shuffle: false },
          retry: 0,
          // A test that asserts nothing proves nothing.
          expect: { requireAssertions: true },
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
