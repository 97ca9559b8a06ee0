/** Every try of a run. */
import type { Run } from "../graphql/runs.ts";
import { attemptFace } from "../model/state.ts";
import { Badge } from "./badge.tsx";
import { ErrorView } from "./error-view.tsx";
import { At, Took } from "./moment.tsx";
import { Table, Td, Th } from "./table.tsx";

export function Attempts({ attempts }: { attempts: Run["attempts"] }) {
  if (attempts.length === 0)
    return <p className="px-4 py-4 text-muted">No worker has taken this run so far.</p>;
  return (
    <Table
      label="Attempts"
      head={
        <>
          <Th right className="w-12">
            No.
          </Th>
          <Th className="w-32">Outcome</Th>
          <Th from="sm">Executor</Th>
          <Th from="md">Started</Th>
          <Th right>Took</Th>
        </>
      }
    >
      {attempts.map((attempt) => (
        <Attempt key={`${attempt.number} ${attempt.startedAt}`} attempt={attempt} />
      ))}
    </Table>
  );
}

function Attempt({ attempt }: { attempt: Run["attempts"][number] }) {
  return (
    <>
      <tr className={attempt.error === null ? "" : "border-b-transparent!"}>
        <Td right>{attempt.number}</Td>
        <Td>
          <Badge face={attemptFace(attempt.outcome)} />
        </Td>
        <Td from="sm" className="wrap-anywhere">
          {attempt.executor ?? "–"}
        </Td>
        <Td from="md">
          <At at={attempt.startedAt} />
        </Td>
        <Td right>
          <Took from={attempt.startedAt} to={attempt.endedAt} />
        </Td>
      </tr>
      {attempt.error !== null && (
        <tr>
          <td />
          <td colSpan={4} className="px-2 pb-3">
            <ErrorView error={attempt.error} />
          </td>
        </tr>
      )}
    </>
  );
}
