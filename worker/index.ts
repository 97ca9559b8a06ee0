/** `escapement/worker`: what a worker in TypeScript imports. README.md shows how. */
export type { Context, Handler } from "./attempt.ts";
export { Client, type ClientOptions, ProtocolError, Unanswered } from "./client.ts";
export { Cancelled, DoNotRetry, LeaseLost, RetryAfter, Stopped, TimedOut, WorkerStopping } from "./errors.ts";
export { describeEvent, type WorkerEvent } from "./events.ts";
export type { LogLevel } from "./log.ts";
export type { StopOptions, WorkerOptions } from "./options.ts";
export type * from "./protocol.ts";
export { AddressRefused } from "./tasks/address.ts";
export { type HttpOptions, type HttpOutput, http } from "./tasks/http.ts";
export type { HttpInput } from "./tasks/request.ts";
export { type ShellInput, type ShellOptions, type ShellOutput, shell } from "./tasks/shell.ts";
export { createWorker, type Worker } from "./worker.ts";
