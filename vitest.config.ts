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
          // Not of a fast machine: one that also runs a lab takes seconds to start a server.
          testTimeout: 60_000,
          hookTimeout: 60_000,
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
