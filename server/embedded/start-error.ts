/** The one error of the launcher: its message is meant for the person at the terminal. */

/** The embedded PostgreSQL cannot be used; the message says why and what to do. */
export class StartError extends Error {
  override readonly name = "StartError";
}
