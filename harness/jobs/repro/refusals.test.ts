import { expect, test } from "vitest";
import { MeshproofError } from "#harness/lib/errors.ts";
import { Refusals } from "./refusals.ts";

const refuse = (message: string, remedy: string) => (): never => {
  throw new MeshproofError("config-invalid", message, { remedy });
};

test("one refusal is thrown as it is; without any, nothing is", () => {
  const refusals = new Refusals();
  expect(refusals.attempt(() => 1)).toBe(1);
  expect(() => refusals.throwAll()).not.toThrow();
  expect(refusals.attempt(refuse("a.yaml is odd\nin line 1", "fix it"))).toBeUndefined();
  expect(() => refusals.throwAll()).toThrow(expect.objectContaining({ message: "a.yaml is odd\nin line 1" }));
});

test("several are one error with a line for each, in the order of the files, and equal remedies once", () => {
  const refusals = new Refusals();
  refusals.attempt(refuse("b.yaml is odd\n  in line 1", "fix it"), 2);
  refusals.attempt(refuse("a.yaml is odd", "fix it"), 1);
  refusals.attempt(refuse("a.yaml is odd", "fix it"), 1);
  expect(() => refusals.throwAll()).toThrow(
    expect.objectContaining({
      code: "config-invalid",
      message: "the files cannot be used as they are:\n  - a.yaml is odd\n  - b.yaml is odd in line 1",
      remedy: "fix it",
    }),
  );
});

test("an error that nobody threw on purpose is not taken up", () => {
  expect(() => new Refusals().attempt(() => JSON.parse("{"))).toThrow(SyntaxError);
});

test("remedies that differ are those of their lines", () => {
  const refusals = new Refusals();
  refusals.attempt(refuse("a is odd", "render it"));
  refusals.attempt(refuse("b is odd", "name it"));
  refusals.attempt(() => {
    throw new MeshproofError("usage", "c is odd");
  });
  const error = expect.objectContaining({
    message:
      "the files cannot be used as they are:\n  - a is odd; render it\n  - b is odd; name it\n  - c is odd",
    remedy: undefined,
  });
  expect(() => refusals.throwAll()).toThrow(error);
});
