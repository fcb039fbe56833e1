/** How far below its panic the frames of a trace are looked through. */
const framesRead = 60;
const panic = /^(?:(\d{4}-\S{10,40}) )?((?:panic|fatal error): .{1,300})/;
/** A frame in a package of Cilium; its path has no dots. */
const frame = /^(?:\d{4}-\S{10,40} )?github\.com\/cilium\/cilium\/((?!vendor\/)[\w/-]{1,200})\./;

/** A line from which `withPanics` reads. */
export const isPanicLine = (line: string): boolean => panic.test(line) || frame.test(line);

/**
 * A log with each panic of the Go runtime as a fatal line of the log's own format, with the package of Cilium that its
 * trace names first: `panic: ... (in pkg/clustermesh/mcsapi)`. The runtime writes plain text, after the time that Kubernetes
 * puts before each line.
 */
export function withPanics(log: string): string {
  if (!/(?:panic|fatal error): /.test(log)) return log;
  const lines = log.split("\n");
  return lines
    .flatMap((line, i) => {
      const [, at, text] = panic.exec(line) ?? [];
      if (text === undefined) return [line];
      const where = lines
        .slice(i + 1, i + 1 + framesRead)
        .map((l) => frame.exec(l)?.[1])
        .find((path) => path !== undefined);
      const message = JSON.stringify(where === undefined ? text : `${text} (in ${where})`);
      return [`${at === undefined ? "" : `time=${at} `}level=fatal error=${message} msg=panic`];
    })
    .join("\n");
}
