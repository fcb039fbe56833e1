import { expect, test } from "vitest";
import { readJunit } from "./read-junit.ts";

const junit = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4"><testsuite name="Conformance Suite" tests="4">
  <testcase name="[It] imports [Required]" classname="Conformance Suite" status="passed" time="1.5"><system-err>log</system-err></testcase>
  <testcase name="[It] slices [Optional]" status="failed" time="2"><failure message="not found&#10;more" type="failed">text</failure></testcase>
  <testcase name="[It] two clusters" status="skipped" time="0"><skipped message="needs two"></skipped></testcase>
  <testcase name="[It] panics" status="panicked" time="0"><error message="boom" type="panicked">text</error></testcase>
</testsuite></testsuites>`;

test("every case of another program's JUnit file, with its state and the first line of why", () => {
  expect(readJunit(junit)).toEqual([
    { name: "[It] imports [Required]", durationMs: 1500, state: "passed", message: "" },
    { name: "[It] slices [Optional]", durationMs: 2000, state: "failed", message: "not found" },
    { name: "[It] two clusters", durationMs: 0, state: "skipped", message: "needs two" },
    { name: "[It] panics", durationMs: 0, state: "failed", message: "boom" },
  ]);
});

test("a single suite, one case, and none", () => {
  expect(readJunit(`<testsuite name="s"><testcase name="a"><skipped/></testcase></testsuite>`)).toEqual([
    { name: "a", durationMs: 0, state: "skipped", message: "" },
  ]);
  expect(readJunit(`<testsuites><testsuite name="s"/></testsuites>`)).toEqual([]);
});

test("a text that is not JUnit throws", () => {
  expect(() => readJunit("no XML")).toThrow();
  expect(() => readJunit("<html/>")).toThrow();
});
