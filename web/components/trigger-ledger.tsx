/** The ledger of a trigger: every time that it was due, what became of it and why. */
import { Link } from "@tanstack/react-router";
import type { Trigger } from "../graphql/triggers.ts";
import { countInWords, reasonInWords } from "../model/ledger.ts";
import { type OccurrenceOutcome, OUTCOMES, occurrenceFace, runFace } from "../model/state.ts";
import { clockTime, formatSpan } from "../model/time.ts";
import { Badge } from "./badge.tsx";
import { useNow } from "./clock.ts";
import { At } from "./moment.tsx";
import { Empty } from "./notice.tsx";
import { StateFilter } from "./state-filter.tsx";
import { Table, Td, Th } from "./table.tsx";

export type OutcomeFilterProps = {
  chosen: readonly OccurrenceOutcome[];
  choose: (outcomes: OccurrenceOutcome[] | undefined) => void;
};

export const OutcomeFilter = ({ chosen, choose }: OutcomeFilterProps) => (
  <StateFilter label="Outcomes" states={OUTCOMES} face={shortFace} chosen={chosen} choose={choose} />
);

/** As a filter there is no room for a sentence. */
const shortFace = (outcome: OccurrenceOutcome) =>
  outcome === "DST_SHIFTED" ? { ...occurrenceFace(outcome), word: "Shifted" } : occurrenceFace(outcome);

export type LedgerProps = { occurrences: Trigger["occurrences"]["nodes"]; filtered: boolean };

export function Ledger({ occurrences, filtered }: LedgerProps) {
  if (occurrences.length === 0)
    return <Empty title={filtered ? "No time ended so." : "It has not been due yet."} />;
  return (
    <Table
      label="Occurrences"
      head={
        <>
          <Th>Due</Th>
          <Th className="w-32">Outcome</Th>
          <Th from="sm" right>
            Fired after
          </Th>
          <Th className="w-28">Run</Th>
        </>
      }
    >
      {occurrences.map((occurrence) => (
        <Occurrence key={`${occurrence.scheduledAt} ${occurrence.outcome}`} occurrence={occurrence} />
      ))}
    </Table>
  );
}

function Occurrence({ occurrence }: { occurrence: LedgerProps["occurrences"][number] }) {
  const now = useNow();
  const { scheduledAt, until, count, exact, outcome, firedAt, run } = occurrence;
  const reason = reasonInWords(outcome, occurrence.reason);
  return (
    <tr>
      <Td>
        <At at={scheduledAt} />
        {(count > 1 || !exact) && (
          <p className="text-xs text-muted">
            {countInWords(count, exact)}
            {until !== null && `, the last at ${clockTime(until, now)}`}
          </p>
        )}
      </Td>
      <Td>
        <Badge face={occurrenceFace(outcome)} />
        {reason !== null && <p className="mt-0.5 text-xs text-muted wrap-anywhere">{reason}</p>}
      </Td>
      <Td from="sm" right className="text-muted">
        {firedAt === null ? "–" : formatSpan(Date.parse(firedAt) - Date.parse(scheduledAt))}
      </Td>
      <Td>
        {run === null ? (
          <span className="text-muted">–</span>
        ) : (
          <Link to="/runs/$id" params={{ id: run.id }} aria-label={`Run ${run.id}`}>
            <Badge face={runFace(run.state, run.holds)} />
          </Link>
        )}
      </Td>
    </tr>
  );
}
