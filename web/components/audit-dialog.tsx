/** Compares a trigger's ledger with what its schedule says, over a range that the reader chooses. */
import { CheckCheck, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { type CombinedError, useClient } from "urql";
import { fieldOf, messageOf } from "../graphql/client.ts";
import { type Audit, AuditQuery } from "../graphql/triggers.ts";
import { instantOf, localOf } from "../model/forms.ts";
import { auditInWords, DIFFERENCES } from "../model/ledger.ts";
import { clockTime } from "../model/time.ts";
import { Button } from "./button.tsx";
import { useNow } from "./clock.ts";
import { Dialog } from "./dialog.tsx";
import { TextField } from "./field.tsx";
import { At } from "./moment.tsx";
import { useViewer } from "./viewer.tsx";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** One that looked at fewer was not cut short: it ends with the last time that has been decided about. */
const MANY_TIMES = 10_000;

export type AuditDialogProps = { trigger: { name: string; createdAt: string }; close: () => void };

export default function AuditDialog({ trigger: { name, createdAt }, close }: AuditDialogProps) {
  const { namespace } = useViewer();
  const client = useClient();
  const [from, setFrom] = useState(() =>
    localOf(new Date(Math.max(Date.now() - DAY_MS, Date.parse(createdAt))).toISOString()).slice(0, 16),
  );
  const [to, setTo] = useState("");
  const [audit, setAudit] = useState<Audit>();
  const [error, setError] = useState<CombinedError>();
  const [busy, setBusy] = useState(false);
  const run = async (begin: string | null): Promise<void> => {
    setBusy(true);
    const answer = await client.query(
      AuditQuery,
      { namespace, name, from: begin, to: instantOf(to) },
      { requestPolicy: "network-only" },
    );
    setBusy(false);
    setError(answer.error);
    setAudit(answer.data?.auditTrigger);
  };
  const at = error && fieldOf(error);
  return (
    <Dialog
      title={`Audit ${name}`}
      note="Computes every time of the schedule anew, as it, its calendars and its pauses were, and compares with the ledger."
      open
      close={close}
      verb="Audit"
      busy={busy}
      fault={error && at !== "from" && at !== "to" ? messageOf(error) : undefined}
      submit={() => run(instantOf(from))}
    >
      <div className="grid gap-x-3 gap-y-2 sm:grid-cols-2">
        <TextField
          label="From"
          type="datetime-local"
          hint="Blank: a day before the end."
          value={from}
          fault={at === "from" && error ? messageOf(error) : undefined}
          onChange={(event) => setFrom(event.target.value)}
        />
        <TextField
          label="To"
          type="datetime-local"
          hint="Blank: now."
          value={to}
          fault={at === "to" && error ? messageOf(error) : undefined}
          onChange={(event) => setTo(event.target.value)}
        />
      </div>
      {audit !== undefined && (
        <Verdict
          audit={audit}
          wanted={instantOf(to)}
          goOn={() => {
            setFrom(localOf(audit.until));
            run(audit.until);
          }}
          busy={busy}
        />
      )}
    </Dialog>
  );
}

type VerdictProps = { audit: Audit; wanted: string | null; goOn: () => void; busy: boolean };

function Verdict({ audit, wanted, goOn, busy }: VerdictProps) {
  const now = useNow();
  const { clean, differences, from, until } = audit;
  const Picture = clean ? CheckCheck : TriangleAlert;
  const end = wanted === null ? now : Math.min(Date.parse(wanted), now);
  const isShort = Date.parse(until) < end - MINUTE_MS;
  const isCut = isShort && audit.times + audit.runs >= MANY_TIMES;
  return (
    <section aria-label="Result" className="grid gap-3 text-[13px]">
      <p
        role="status"
        className={`${clean ? "tone-good" : "tone-bad"} tinted flex gap-2 rounded-md px-3 py-2 font-medium`}
      >
        <Picture aria-hidden className="mt-0.5 size-4 shrink-0" />
        {auditInWords(audit, differences.length)}
      </p>
      <p className="text-muted">
        From {clockTime(from, now)} to {clockTime(until, now)}
        {isCut
          ? ", which is the most that one audit takes"
          : isShort && ", the last time that has been decided about"}
        .
      </p>
      {differences.length > 0 && (
        <div className="max-h-72 overflow-auto rounded-md border border-line">
          <table aria-label="Differences" className="w-full border-collapse">
            <thead>
              <tr className="border-b border-line text-left text-xs text-muted">
                <th scope="col" className="px-3 py-1.5 font-medium">
                  Time
                </th>
                <th scope="col" className="px-3 py-1.5 font-medium">
                  Difference
                </th>
              </tr>
            </thead>
            <tbody className="divide-y divide-line">
              {differences.map(({ kind, at, message }) => (
                <tr key={`${kind} ${at} ${message}`} className="align-top">
                  <td className="px-3 py-1.5 whitespace-nowrap">
                    <At at={at} />
                  </td>
                  <td className="px-3 py-1.5 wrap-anywhere">
                    <span className="font-medium">{DIFFERENCES[kind]}</span>: {message}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {isCut && (
        <Button disabled={busy} onClick={goOn} className="justify-self-start">
          Go on from there
        </Button>
      )}
    </section>
  );
}
