/** What the overview's numbers ask a person to do, if anything. */
import { formatCount, formatSpan } from "./time.ts";

export type Numbers = {
  ready: number;
  executorsOnline: number;
  oldestReadySeconds: number | null;
  triggerLatenessSeconds: number | null;
};

/** A minute in the queue, or a trigger five seconds behind, is worth a look; less is ordinary. */
const OLD_READY_SECONDS = 60;
const LATE_TRIGGER_SECONDS = 5;

/** Sentences that name a fault and the next step; none when all is well. */
export function adviceFor(numbers: Numbers): string[] {
  const advice: string[] = [];
  if (numbers.ready > 0 && numbers.executorsOnline === 0)
    advice.push(
      `${numbers.ready === 1 ? "A run is" : `${formatCount(numbers.ready)} runs are`} ready and no executor is online. Start a worker.`,
    );
  else if ((numbers.oldestReadySeconds ?? 0) > OLD_READY_SECONDS)
    advice.push(
      `A run has been ready for ${formatSpan((numbers.oldestReadySeconds ?? 0) * 1000)}: no executor serves its group and type, or all of them are busy.`,
    );
  if ((numbers.triggerLatenessSeconds ?? 0) > LATE_TRIGGER_SECONDS)
    advice.push(
      `A trigger is ${formatSpan((numbers.triggerLatenessSeconds ?? 0) * 1000)} behind its time: the ticker is moving to another server or cannot keep up.`,
    );
  return advice;
}
