/** Our load generator: a process that starts runs, works on them, or parks polls. */
import { answer } from "../answer.ts";
import type { ClosedLoop, Paced } from "../load.ts";
import { type Consumer, createConsumer, type Workforce } from "./consumer.ts";
import { type CycleOrder, cycle } from "./cycle.ts";
import { createParkedPolls, type ParkedPolls } from "./parked.ts";
import { createProducer, type FillOrder, type Producer, type Transport } from "./producer.ts";
import type { Target } from "./target.ts";

interface Parts {
  target: Target;
  producer: Producer;
  consumer: Consumer;
  parked: ParkedPolls;
}

let parts: Parts | undefined;

function connected(): Parts {
  if (parts === undefined) throw new Error("connect first");
  return parts;
}

answer({
  connect(target: Target) {
    parts = {
      target,
      producer: createProducer(target),
      consumer: createConsumer(target),
      parked: createParkedPolls(target),
    };
  },
  startOne: (load: ClosedLoop & { transport: Transport }) => connected().producer.startOne(load),
  startLists: (load: ClosedLoop & { transport: Transport; size: number }) =>
    connected().producer.startLists(load),
  fill: (order: FillOrder) => connected().producer.fill(order),
  pace: (load: Paced) => connected().producer.pace(load),
  drain: (force: Workforce) => connected().consumer.drain(force),
  listen: (force: Workforce) => connected().consumer.listen(force),
  noted: () => connected().consumer.noted(),
  handled: () => connected().consumer.handled(),
  reset: (order: { fromMs?: number }) => connected().consumer.reset(order),
  hush: () => connected().consumer.hush(),
  park: (order: { count: number }) => connected().parked.park(order),
  woken: () => connected().parked.woken(),
  release: () => connected().parked.release(),
  cycle: (order: CycleOrder) => cycle(connected().target, connected().consumer, order),
});
