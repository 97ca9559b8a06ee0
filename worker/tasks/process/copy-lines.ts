/** Carries a command's output into the run's log, no faster than the server takes it. */
import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import type { Context } from "../../attempt.ts";
import type { LogLevel } from "../../log.ts";
import { Lines, type Tail } from "./lines.ts";

export interface Hearer {
  level: LogLevel;
  tails: Tail[];
  onPiece?: ((piece: string) => void) | undefined;
  onLine?: ((line: string) => void) | undefined;
}

/** After the command's end and its group's, this long without a word and without an end: somebody else has the pipe. */
const HELD_MS = 3_000;

/**
 * Resolves at the end of the stream, or when the command has ended and the stream is held open by somebody who left its
 * group. Waits for the log piece by piece, so that a command that writes faster than the server reads is held back.
 */
export async function copyLines(
  child: ChildProcess,
  stream: Readable | null,
  context: Context,
  { level, tails, onPiece, onLine }: Hearer,
): Promise<void> {
  if (stream === null) return;
  const lines = new Lines();
  const write = (line: string) => {
    context.log(line, level);
    onLine?.(line);
    for (const tail of tails) tail.push(line);
  };
  const silence = watchSilence(child, stream);
  try {
    stream.setEncoding("utf8");
    for await (const chunk of stream) {
      silence.pause();
      const piece = String(chunk);
      onPiece?.(piece);
      for (const line of lines.push(piece)) write(line);
      await context.flushLog();
      silence.resume();
    }
  } catch (error) {
    if (!silence.brokeOff) throw error;
  } finally {
    silence.pause();
  }
  for (const line of lines.end()) write(line);
}

interface Silence {
  brokeOff: boolean;
  /** Something is being done with what was heard. */
  pause(): void;
  resume(): void;
}

/** Breaks the stream off when it is silent for long after the end of its command, while somebody listens. */
function watchSilence(child: ChildProcess, stream: Readable): Silence {
  let timer: NodeJS.Timeout | undefined;
  let hasEnded = false;
  let isListening = true;
  const watch = () => {
    clearTimeout(timer);
    if (hasEnded && isListening) timer = setTimeout(breakOff, HELD_MS);
  };
  const breakOff = () => {
    silence.brokeOff = true;
    stream.destroy();
  };
  const silence: Silence = {
    brokeOff: false,
    pause: () => {
      isListening = false;
      watch();
    },
    resume: () => {
      isListening = true;
      watch();
    },
  };
  child.once("exit", () => {
    hasEnded = true;
    watch();
  });
  return silence;
}
