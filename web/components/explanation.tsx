/** Why a run is not running yet: what it has passed, what it waits for, and when it may start. */
import { Link } from "@tanstack/react-router";
import { CircleCheck, Hourglass } from "lucide-react";
import { useEffect } from "react";
import { useLiveQuery } from "../graphql/live.ts";
import { type Explanation as Explained, ExplainQuery } from "../graphql/runs.ts";
import { gateInWords, gateWord, targetOf } from "../model/explain.ts";
import { useNow } from "./clock.ts";
import { At } from "./moment.tsx";
import { Panel } from "./panel.tsx";

/** What decides changes without a word about the run: an executor comes, another run ends. */
const REREAD_MS = 2_000;

/** Give it the run's state as its key: another state is another explanation. */
export function Explanation({ run }: { run: string }) {
  const { data, reload } = useLiveQuery(ExplainQuery, { id: run });
  useEffect(() => {
    const read = (): void => {
      if (!document.hidden) reload();
    };
    const timer = window.setInterval(read, REREAD_MS);
    return () => window.clearInterval(timer);
  }, [reload]);
  const explain = data?.run?.explain;
  if (explain === undefined || explain.gates.length === 0) return null;
  return (
    <Panel title="Why it is waiting" aside={<Estimate at={explain.estimatedStartAt} />}>
      <p className="px-4 pt-3 font-medium wrap-anywhere">
        <Summary text={explain.summary} />
      </p>
      <ol aria-label="Gates" className="grid gap-2 px-4 py-3 text-[13px]">
        {explain.gates.map((gate) => (
          <Line key={`${gate.kind} ${gate.message}`} gate={gate} />
        ))}
      </ol>
    </Panel>
  );
}

const Summary = ({ text }: { text: string }) => gateInWords(text, useNow());

function Estimate({ at }: { at: string | null }) {
  if (at === null) return <span className="text-xs text-muted">start unknown</span>;
  return (
    <span className="text-xs text-muted">
      starts about <At at={at} />
    </span>
  );
}

function Line({ gate }: { gate: Explained["gates"][number] }) {
  const now = useNow();
  const blocks = gate.verdict === "BLOCK";
  const Picture = blocks ? Hourglass : CircleCheck;
  return (
    <li
      className={`${blocks ? "tone-waiting" : "tone-good"} grid grid-cols-[auto_6rem_minmax(0,1fr)] gap-x-2`}
    >
      <Picture aria-label={blocks ? "blocks" : "passed"} className="toned mt-px size-4" />
      <span className={blocks ? "font-medium" : "text-muted"}>{gateWord(gate.kind)}</span>
      <span className={`wrap-anywhere ${blocks ? "" : "text-muted"}`}>
        {gateInWords(gate.message, now)}
        <span className="flex flex-wrap gap-x-3">
          {gate.links.map((link) => (
            <Link
              key={`${link.kind} ${link.name}`}
              {...targetOf(link)}
              className="font-mono text-xs text-accent hover:underline"
            >
              {link.name}
            </Link>
          ))}
        </span>
      </span>
    </li>
  );
}
