import { expect, test } from "vitest";
import { waitWhilePaused, watchPauses } from "./pause.ts";
import { tempFolder } from "#harness/platform/temp-folder.ts";

test("a suite waits until whoever was shown its namespace has answered", async () => {
  const dir = tempFolder("pause");
  const done = new AbortController();
  const shown: string[] = [];
  let isAnswered = false;
  const watching = watchPauses(
    dir,
    async (namespace) => {
      shown.push(namespace);
      isAnswered = true;
    },
    done.signal,
  );
  await waitWhilePaused(dir, "mp-policy-abc123");
  expect(isAnswered).toBe(true);
  expect(shown).toEqual(["mp-policy-abc123"]);
  done.abort();
  await watching;
});
