/** The one loop that all of them are: do a step, learn how long to sleep, sleep, or be woken earlier. */
import { EventEmitter } from "node:events";

export interface Loop {
  start(): void;
  /** Ends the sleep; a step under way is followed by another at once. */
  wake(): void;
  /** No further step; resolves when the one under way is done. */
  stop(): Promise<void>;
  /** `step` after every step that went well, for those who wait instead of sleeping. */
  readonly events: EventEmitter<{ step: []; error: [unknown] }>;
}

export interface LoopOptions {
  /** One step; returns how long to sleep in ms. */
  step: () => Promise<number>;
  /** Never sleeps longer, whatever the step said. */
  maxSleepMs: number;
  /** Sleep after a failed step. */
  errorSleepMs: number;
  onError: (error: unknown) => void;
}

export function createLoop(options: LoopOptions): Loop {
  const events = new EventEmitter<{ step: []; error: [unknown] }>();
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = true;

  const sleep = (ms: number): void => {
    if (stopped) return;
    timer = setTimeout(run, Math.max(0, Math.min(ms, options.maxSleepMs)));
  };

  const once = async (): Promise<void> => {
    let sleepMs = options.errorSleepMs;
    try {
      sleepMs = await options.step();
      events.emit("step");
    } catch (error) {
      options.onError(error);
    }
    running = null;
    if (again) {
      again = false;
      sleepMs = 0;
    }
    sleep(sleepMs);
  };

  const run = (): void => {
    timer = null;
    running = once();
  };

  return {
    events,
    start() {
      if (!stopped) return;
      stopped = false;
      run();
    },
    wake() {
      if (stopped) return;
      if (running) {
        again = true;
        return;
      }
      if (timer) clearTimeout(timer);
      run();
    },
    async stop() {
      stopped = true;
      if (timer) clearTimeout(timer);
      timer = null;
      await running;
    },
  };
}
