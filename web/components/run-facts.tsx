/** What is known of a run beside its state. */
import { Link } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { useMemo } from "react";
import { saveBytes } from "../graphql/download.ts";
import type { Run } from "../graphql/runs.ts";
import { labelsInWords } from "../model/executor.ts";
import { runFace } from "../model/state.ts";
import { formatBytes } from "../model/time.ts";
import { Chip } from "./badge.tsx";
import { Button } from "./button.tsx";
import { JsonView } from "./json-view.tsx";
import { At } from "./moment.tsx";
import { Facts, Panel } from "./panel.tsx";

/** Where it came from and when what happened. */
export function RunFacts({ run }: { run: Run }) {
  return (
    <Panel title="About">
      <Facts>
        <dt>Job</dt>
        <dd>
          <Link to="/jobs/$name" params={{ name: run.job.name }} className="text-accent hover:underline">
            {run.job.name}
          </Link>{" "}
          <span className="text-muted">version {run.jobVersion}</span>
        </dd>
        <dt>Started by</dt>
        <dd>
          {run.backfill !== null ? (
            <Link
              to="/backfills/$id"
              params={{ id: run.backfill.id }}
              className="text-accent hover:underline"
            >
              a backfill{run.trigger !== null && ` of ${run.trigger.name}`}
            </Link>
          ) : run.trigger !== null ? (
            <Link
              to="/triggers/$name"
              params={{ name: run.trigger.name }}
              className="text-accent hover:underline"
            >
              trigger {run.trigger.name}
            </Link>
          ) : run.parent !== null ? (
            <Link to="/runs/$id" params={{ id: run.parent.id }} className="text-accent hover:underline">
              a run of {run.parent.job.name}
            </Link>
          ) : (
            "hand or API"
          )}
        </dd>
        {run.reduce !== null && (
          <>
            <dt>Whole</dt>
            <dd>
              <RunLink id={run.reduce.id} />{" "}
              <span className="text-muted">{runFace(run.reduce.state).word.toLowerCase()}</span>
            </dd>
          </>
        )}
        <Lineage run={run} />
        <dt>Executor</dt>
        <dd>{run.executor?.name ?? run.attempts.at(-1)?.executor ?? "–"}</dd>
        {(run.requiredExecutor !== null || run.requires !== null) && (
          <>
            <dt>Asks for</dt>
            <dd className="flex flex-wrap gap-1">
              {run.requiredExecutor !== null && <Chip>{run.requiredExecutor}</Chip>}
              {labelsInWords(run.requires).map((label) => (
                <Chip key={label}>{label}</Chip>
              ))}
            </dd>
          </>
        )}
        <dt>Priority</dt>
        <dd>{run.priority}</dd>
        <dt>Due</dt>
        <dd>
          <At at={run.scheduledAt} />
          {run.late && <span className="text-waiting"> · late</span>}
        </dd>
        <dt>Created</dt>
        <dd>
          <At at={run.createdAt} />
        </dd>
        {run.readyAt !== null && (
          <>
            <dt>Ready</dt>
            <dd>
              <At at={run.readyAt} />
            </dd>
          </>
        )}
        {run.startedAt !== null && (
          <>
            <dt>Started</dt>
            <dd>
              <At at={run.startedAt} />
            </dd>
          </>
        )}
        {run.endedAt !== null && (
          <>
            <dt>Ended</dt>
            <dd>
              <At at={run.endedAt} />
            </dd>
          </>
        )}
        {run.tags.length > 0 && (
          <>
            <dt>Tags</dt>
            <dd className="flex flex-wrap gap-1">
              {run.tags.map((tag) => (
                <Link key={tag} to="/runs" search={{ tag: [tag] }}>
                  <Chip>{tag}</Chip>
                </Link>
              ))}
            </dd>
          </>
        )}
      </Facts>
    </Panel>
  );
}

/** How often it was put back into the queue, which run it repeats, and which ones repeat it. */
function Lineage({ run: { deadLetter, redrives, rerunOf, reruns } }: { run: Run }) {
  return (
    <>
      {rerunOf !== null && (
        <>
          <dt>Repeats</dt>
          <dd>
            <RunLink id={rerunOf.id} />
          </dd>
        </>
      )}
      {reruns.length > 0 && (
        <>
          <dt>Repeated by</dt>
          <dd className="flex flex-col">
            {reruns.map(({ id }) => (
              <RunLink key={id} id={id} />
            ))}
          </dd>
        </>
      )}
      {redrives.length > 0 && (
        <>
          <dt>Redriven</dt>
          <dd className="flex flex-col">
            {redrives.map(({ number, at, state, edited }) => (
              <span key={number}>
                <At at={at} />{" "}
                <span className="text-muted">
                  {runFace(state).word.toLowerCase()} before{edited && ", with another input since"}
                </span>
              </span>
            ))}
          </dd>
        </>
      )}
      {deadLetter && (
        <>
          <dt>Kept</dt>
          <dd>
            as a{" "}
            <Link to="/dead-letters" className="text-accent hover:underline">
              dead letter
            </Link>
          </dd>
        </>
      )}
    </>
  );
}

const RunLink = ({ id }: { id: string }) => (
  <Link to="/runs/$id" params={{ id }} className="font-mono text-xs text-accent hover:underline">
    {id}
  </Link>
);

/** What it was given and what it returned. */
export function RunValues({ run }: { run: Run }) {
  return (
    <>
      {(run.input !== null || run.inputBytes === null) && (
        <Panel title="Input">
          <JsonView value={run.input} label="input" />
        </Panel>
      )}
      {run.inputBytes !== null && (
        <Panel title="Input">
          <Bytes base64={run.inputBytes} name={`run-${run.id}-input`} />
        </Panel>
      )}
      {run.output !== null && (
        <Panel title="Output">
          <JsonView value={run.output} label="output" />
        </Panel>
      )}
      {run.outputBytes !== null && (
        <Panel title="Output">
          <Bytes base64={run.outputBytes} name={`run-${run.id}-output`} />
        </Panel>
      )}
    </>
  );
}

/** What is not JSON can be taken away. */
function Bytes({ base64, name }: { base64: string; name: string }) {
  const bytes = useMemo(
    () => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)),
    [base64],
  );
  return (
    <p className="flex items-center gap-2 px-4 py-3 text-muted">
      {formatBytes(bytes.length)} that are not JSON.
      <Button
        look="bare"
        icon
        className="size-7"
        aria-label={`Download ${name}`}
        onClick={() => saveBytes(bytes, name)}
      >
        <Download className="size-4" />
      </Button>
    </p>
  );
}
