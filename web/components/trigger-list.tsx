/** Triggers, one line each: in words, with their state, their calendars and their next times. */
import { Link } from "@tanstack/react-router";
import type { ResultOf } from "gql.tada";
import type { Live } from "../graphql/live.ts";
import type { ListedTrigger, TriggersQuery } from "../graphql/triggers.ts";
import { curlCreateTrigger } from "../model/curl.ts";
import { pausedInWords } from "../model/pauses.ts";
import { triggerFace } from "../model/state.ts";
import { clockTime } from "../model/time.ts";
import { Badge, Chip } from "./badge.tsx";
import { useNow } from "./clock.ts";
import { Ago, Ahead } from "./moment.tsx";
import { Command, Empty, Fault, Loading } from "./notice.tsx";
import { Table, Td, Th } from "./table.tsx";
import { PauseAction } from "./trigger-actions.tsx";
import { useTarget } from "./use-target.ts";

export type TriggerListProps = {
  triggers: Live<ResultOf<typeof TriggersQuery>>;
  filtered: boolean;
  changed: () => void;
};

export function TriggerList({ triggers, filtered, changed }: TriggerListProps) {
  const target = useTarget();
  const rows = triggers.data?.triggers.nodes;
  if (rows === undefined)
    return triggers.error === undefined ? (
      <Loading />
    ) : (
      <Fault error={triggers.error} retry={triggers.reload} />
    );
  if (rows.length === 0 && filtered) return <Empty title="No trigger fits these filters." />;
  if (rows.length === 0)
    return (
      <Empty title="No triggers in this namespace.">
        <p>Without one, jobs run only when someone asks. Make one here or over the API:</p>
        <Command>{curlCreateTrigger(target, "hello")}</Command>
      </Empty>
    );
  return (
    <Table
      label="Triggers"
      head={
        <>
          <Th>Trigger</Th>
          <Th from="sm" className="w-32">
            State
          </Th>
          <Th from="lg">Group and calendars</Th>
          <Th from="md">Next fire times</Th>
          <Th from="lg" right>
            Last fired
          </Th>
          <Th className="w-12">
            <span className="sr-only">Actions</span>
          </Th>
        </>
      }
    >
      {rows.map((trigger) => (
        <Line key={trigger.id} trigger={trigger} changed={changed} />
      ))}
    </Table>
  );
}

function Line({ trigger, changed }: { trigger: ListedTrigger; changed: () => void }) {
  const now = useNow();
  const [next, ...later] = trigger.nextFires;
  return (
    <tr className="row-link">
      <Td className="w-full max-w-0">
        <Link
          data-row
          to="/triggers/$name"
          params={{ name: trigger.name }}
          className="block truncate font-medium"
        >
          {trigger.name}
        </Link>
        <div className="my-1 @lg:hidden">
          <Standing trigger={trigger} />
        </div>
        <p className="text-xs text-muted">
          {trigger.scheduleInWords} · starts{" "}
          <Link to="/jobs/$name" params={{ name: trigger.job.name }} className="text-accent hover:underline">
            {trigger.job.name}
          </Link>
        </p>
        {trigger.nextFireAt !== null && (
          <p className="text-xs text-muted @2xl:hidden">
            next <Ahead at={trigger.nextFireAt} />
          </p>
        )}
      </Td>
      <Td from="sm">
        <Standing trigger={trigger} />
      </Td>
      <Td from="lg">
        <span className="flex flex-wrap gap-1">
          <Link to="/triggers" search={{ group: trigger.group }} title="The group">
            <Chip>{trigger.group}</Chip>
          </Link>
          {trigger.calendars.map(({ name }) => (
            <Link
              key={name}
              to="/calendars/$name"
              params={{ name }}
              className="text-xs text-accent hover:underline"
            >
              {name}
            </Link>
          ))}
        </span>
      </Td>
      <Td from="md" className="whitespace-nowrap">
        {next === undefined ? (
          <span className="text-muted">–</span>
        ) : (
          <>
            <Ahead at={next} />
            <p className="text-xs text-muted tabular-nums">
              {later.map((fire) => clockTime(fire, now)).join(", ")}
            </p>
          </>
        )}
      </Td>
      <Td from="lg" right className="text-muted">
        {trigger.lastFireAt === null ? "never" : <Ago at={trigger.lastFireAt} />}
      </Td>
      <Td right>
        <PauseAction trigger={trigger} compact changed={changed} />
      </Td>
    </tr>
  );
}

function Standing({ trigger }: { trigger: ListedTrigger }) {
  const [narrowest] = trigger.pauses;
  const why =
    trigger.reason ?? (narrowest && narrowest.kind !== "TRIGGER" ? `with ${pausedInWords(narrowest)}` : null);
  return (
    <>
      <Badge face={triggerFace(trigger.state)} title={trigger.reason ?? undefined} />
      {why !== null && why !== undefined && (
        <p className="mt-0.5 max-w-40 truncate text-xs text-muted" title={why}>
          {why}
        </p>
      )}
    </>
  );
}
