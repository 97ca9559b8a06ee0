/**
 * A bucket of an S3-compatible service, through s3mini: it signs, sends and reads answers. What is temporary is tried
 * again here, and told as "retry later" when it lasts.
 */
import { setTimeout as pause } from "node:timers/promises";
import { S3mini, S3NetworkError, S3ServiceError } from "s3mini";
import type { BucketSettings } from "../config.ts";
import { unavailable } from "../core/rejection.ts";

const TRIES = 3;
const PAUSE_MS = 200;
/** Of a request that sends something; a download may take longer. */
const SEND_MS = 60_000;

type Call = <T>(request: (s3: S3mini) => Promise<T>) => Promise<T>;

export interface Bucket {
  s3: S3mini;
  /** For requests that may be repeated. @throws UNAVAILABLE when the service is away */
  call: Call;
  /** For those that may not. @throws UNAVAILABLE */
  once: Call;
}

export function openBucket({ url, region, keyId, secret }: BucketSettings): Bucket {
  const s3 = new S3mini({
    endpoint: url,
    region,
    accessKeyId: keyId,
    secretAccessKey: secret,
    fetch: (input, init) =>
      fetch(input, init?.method === "GET" ? init : { ...init, signal: AbortSignal.timeout(SEND_MS) }),
  });
  const attempt = async <T>(request: (s3: S3mini) => Promise<T>, tries: number): Promise<T> => {
    for (let made = 1; ; made++) {
      try {
        return await request(s3);
      } catch (error) {
        if (!isTemporary(error)) throw error;
        if (made >= tries) {
          throw Object.assign(unavailable("the output store is out of reach; retry in a moment"), {
            cause: error,
          });
        }
        await pause(PAUSE_MS * 4 ** (made - 1));
      }
    }
  };
  return { s3, call: (request) => attempt(request, TRIES), once: (request) => attempt(request, 1) };
}

/** The HTTP status that the service answered with; undefined for other errors. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceError ? error.status : undefined;
}

/** What fetch says when the connection fails, and when it fails under an answer. */
const BROKEN = /^(fetch failed|terminated)$/;

function isTemporary(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== undefined) return status >= 500 || status === 429;
  if (!(error instanceof Error)) return false;
  return error instanceof S3NetworkError || error.name === "TimeoutError" || BROKEN.test(error.message);
}
