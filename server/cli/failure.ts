/**
 * How a command says that it did not do what it was asked. Exit code 1: the answer is no (refused, not found, a run that
 * failed). Exit code 2: there is no answer (wrong usage, no server, no right to ask).
 */

/** Its message is for a person and says what to do. */
export class Failure extends Error {
  override readonly name: string = "Failure";
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** No answer came from the server. Nobody knows whether it did what it was asked. */
export class Away extends Failure {
  override readonly name = "Away";

  constructor(url: string, cause: unknown) {
    const { message, code } = cause as Error & { code?: string };
    const reason = code === "ECONNREFUSED" ? "nothing listens there" : message || code || String(cause);
    super(
      `No answer from ${url}: ${reason}. Start a server with: escapement dev; or name another with --url or ESCAPEMENT_URL.`,
      2,
    );
  }
}

/** What the server's errors have in their extensions. */
export interface RefusalDetails {
  code?: string | undefined;
  /** The argument at fault, such as `schedule.cron.expression`. */
  field?: string | undefined;
  /** All that is wrong, where the server looks at several things before it answers. */
  faults?: { field: string; message: string }[] | undefined;
}

const NO_ANSWER = ["UNAUTHENTICATED", "FORBIDDEN", "UNAVAILABLE"];

/** The server answered, and the answer was no. */
export class Refused extends Failure {
  override readonly name = "Refused";
  readonly code: string;
  readonly field: string | undefined;
  /** As the server says it, without the field and the advice. */
  readonly reason: string;
  readonly faults: { field: string; message: string }[];

  constructor(reason: string, { code = "UNKNOWN", field, faults }: RefusalDetails, withToken: boolean) {
    super(advised(reason, code, field, withToken), NO_ANSWER.includes(code) ? 2 : 1);
    this.code = code;
    this.field = field;
    this.reason = reason;
    this.faults = faults ?? [{ field: field ?? "", message: reason }];
  }
}

function advised(reason: string, code: string, field: string | undefined, withToken: boolean): string {
  const isAboutField = field !== undefined && (code === "BAD_INPUT" || code === "LIMIT_EXCEEDED");
  const message = isAboutField && !reason.includes(field) ? `${field}: ${reason}` : reason;
  if (code === "UNAUTHENTICATED") {
    return withToken
      ? `${message}. Pass another one with --token or ESCAPEMENT_TOKEN.`
      : `${message}. Pass a token with --token or ESCAPEMENT_TOKEN.`;
  }
  if (code === "FORBIDDEN") return `${message}. Pass a token that may, with --token or ESCAPEMENT_TOKEN.`;
  if (code === "UNAVAILABLE") return `${message}. Try again in a moment.`;
  return message;
}
