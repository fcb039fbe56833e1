import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { waitWhilePaused, watchPauses } from "./pause.ts";

test("a suite waits until the pause of its namespace has been answered", async () => {
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
