import { expect, test } from "vitest";
import { readTroubleLog } from "#harness/cilium/agent/trouble-log.ts";
import { isPanicLine, withPanics } from "./panics.ts";

const at = "2026-11-21T09:55:59.902Z";
const trace = [
  `${at} time=${at} level=info msg="Starting"`,
  `${at} panic: runtime error: invalid memory address or nil pointer dereference`,
  `${at} [signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x3a8f1c4]`,
  `${at} goroutine 1041 [running]:`,
  `${at} github.com/cilium/cilium/vendor/k8s.io/client-go/tools/cache.(*x).Add(0x0)`,
  `${at} github.com/cilium/cilium/pkg/clustermesh/endpointslicesync.(*informer).AddEventHandler(0x0, {0x4a31f60})`,
  `${at} \t/go/src/github.com/cilium/cilium/pkg/clustermesh/endpointslicesync/informer.go:61 +0x44`,
];

test("a panic of Go is read like a fatal line, with the package that it is in", () => {
  const text =
    "panic: runtime error: invalid memory address or nil pointer dereference (in pkg/clustermesh/endpointslicesync)";
  const expected = [{ kind: "fatal", name: "", text, times: 1, atMs: Date.parse(at) }];
  expect(readTroubleLog(withPanics(trace.join("\n")))).toEqual(expected);
  // As an archive is read: only with the lines that count.
  expect(readTroubleLog(withPanics(trace.filter(isPanicLine).join("\n")))).toEqual(expected);
});

test("without a time, a trace or a package of Cilium", () => {
  expect(withPanics("fatal error: all goroutines are asleep - deadlock!")).toBe(
    'level=fatal error="fatal error: all goroutines are asleep - deadlock!" msg=panic',
  );
  const logged = `${at} level=warn msg="recovered" error="panic: x"`;
  expect(withPanics(logged)).toBe(logged);
  expect(isPanicLine(logged)).toBe(false);
});
