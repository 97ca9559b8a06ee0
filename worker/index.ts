/** `escapement/worker`: what a worker in TypeScript imports. README.md shows how. */
export type { Context, Handler } from "./attempt.ts";
export { Client, type ClientOptions, ProtocolError, Unanswered } from "./client.ts";
export { Cancelled, DoNotRetry, LeaseLost, RetryAfter, Stopped, TimedOut, WorkerStopping } from "./errors.ts";
export { describeEvent, type WorkerEvent } from "./events.ts";
export type { LogLevel } from "./log.ts";
export type * from "./protocol.ts";
export { type HttpOptions, http } from "./tasks/http.ts";
export { type ShellOptions, shell } from "./tasks/shell.ts";
export { createWorker, type StopOptions, type Worker, type WorkerOptions } from "./worker.ts";
