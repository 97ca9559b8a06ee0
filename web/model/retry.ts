/** A retry policy in a sentence. */
import { durationInWords } from "./time.ts";

export type RetryPolicy =
  | { __typename: "RetryOff" }
  | { __typename: "FixedRetry"; fixedDelay: string; max: number; maxElapsed: string | null }
  | {
      __typename: "BackoffRetry";
      initialDelay: string;
      delay: string;
      factor: number;
      cap: string;
      max: number;
      maxElapsed: string | null;
    };

/** Such as `up to 3 retries, 10 seconds apart`. */
export function retryInWords(policy: RetryPolicy): string {
  if (policy.__typename === "RetryOff") return "never";
  const count = `up to ${policy.max} ${policy.max === 1 ? "retry" : "retries"}`;
  const within = policy.maxElapsed === null ? "" : `, within ${durationInWords(policy.maxElapsed)}`;
  if (policy.__typename === "FixedRetry")
    return `${count}, ${durationInWords(policy.fixedDelay)} apart${within}`;
  return `${count}: the first after ${durationInWords(policy.initialDelay)}, then ${durationInWords(policy.delay)} growing ×${policy.factor} up to ${durationInWords(policy.cap)}${within}`;
}
