/** A log that can be followed, searched, wrapped and downloaded; only the lines in sight are drawn. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDownToLine, Download, TriangleAlert, WrapText } from "lucide-react";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { toast } from "sonner";
import { useClient } from "urql";
import { saveText } from "../graphql/download.ts";
import { readLog, type TailedLog, useLog } from "../graphql/log-tail.ts";
import {
  EVERY_LINE,
  FILTER_LEVELS,
  isFiltered,
  type LogFilter,
  type LogLine,
  splitMatches,
  visibleLines,
} from "../model/log.ts";
import { formatCount, fullTime, preciseTime } from "../model/time.ts";
import { Button } from "./button.tsx";
import { SearchBox } from "./search-box.tsx";

const LINE_PX = 20;
/** Closer to the end than this, and the reader is at the end. */
const END_PX = 24;

export type LogViewProps = {
  run: string;
  attempt: number;
  /** Stands at the left of the toolbar: the choice of attempt. */
  children?: ReactNode;
};

export function LogView({ run, attempt, children }: LogViewProps) {
  const client = useClient();
  const whole = useLog(run, attempt);
  const [search, setSearch] = useState("");
  const [level, setLevel] = useState<LogFilter["level"]>("DEBUG");
  const [wrap, setWrap] = useState(true);
  const [follow, setFollow] = useState(true);
  const filter: LogFilter = { search, level };
  const reading = { wrap, follow, setFollow };

  const download = (): void => {
    const pieces: string[] = [];
    const place = { id: run, attempt, after: null, filter: EVERY_LINE };
    readLog(client, place, (chunk) => pieces.push(chunk.text)).then(
      () => saveText(pieces, `run-${run}-attempt-${attempt}.log`),
      (error: Error) => toast.error(`The log could not be read. ${error.message}`),
    );
  };

  return (
    <div>
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-2">
        {children}
        <SearchBox label="Show lines that contain…" value={search} apply={setSearch} className="flex-1" />
        <select
          aria-label="Level"
          value={level}
          onChange={(event) => setLevel(FILTER_LEVELS.find((each) => each === event.target.value) ?? "DEBUG")}
          className="h-8 rounded-md border border-line bg-panel px-2 text-[13px]"
        >
          {FILTER_LEVELS.map((each) => (
            <option key={each} value={each}>
              {LEVEL_WORDS[each]}
            </option>
          ))}
        </select>
        <Toggle on={follow} label="Follow the end" set={setFollow}>
          <ArrowDownToLine className="size-4" />
        </Toggle>
        <Toggle on={wrap} label="Wrap long lines" set={setWrap}>
          <WrapText className="size-4" />
        </Toggle>
        <Button look="bare" icon aria-label="Download the log" title="Download the log" onClick={download}>
          <Download className="size-4" />
        </Button>
      </div>
      {isFiltered(filter) ? (
        <Found key={`${level} ${search}`} run={run} attempt={attempt} filter={filter} {...reading} />
      ) : (
        <Shown of={whole} {...reading} />
      )}
    </div>
  );
}

type Reading = { wrap: boolean; follow: boolean; setFollow: (follow: boolean) => void };

/** The lines that the server finds, and those that come. */
function Found({
  run,
  attempt,
  filter,
  ...reading
}: { run: string; attempt: number; filter: LogFilter } & Reading) {
  return <Shown of={useLog(run, attempt, filter)} filter={filter} {...reading} />;
}

function Shown({ of, filter, ...reading }: { of: TailedLog; filter?: LogFilter } & Reading) {
  const { log, read, ended, fault } = of;
  const lines = useMemo(() => visibleLines(log), [log]);
  const count = log.dropped + lines.length;
  return (
    <>
      {fault !== undefined && (
        <p role="alert" className="tone-bad tinted px-4 py-2 text-[13px]">
          The log could not be read: {fault}
        </p>
      )}
      {filter !== undefined && lines.length > 0 && (
        <p role="status" className="border-b border-line px-4 py-1.5 text-xs text-muted tabular-nums">
          {formatCount(count)} {count === 1 ? "line fits" : "lines fit"}
          {!read && " so far…"}
        </p>
      )}
      {log.dropped > 0 && (
        <p className="px-4 py-1.5 text-xs text-muted">
          {filter === undefined
            ? `The first ${formatCount(log.dropped)} lines are left out here. Download the log to have them all.`
            : `The first ${formatCount(log.dropped)} of them are left out here. Search for less to see them all.`}
        </p>
      )}
      {lines.length === 0 ? (
        <p className="px-4 py-8 text-center text-muted">{emptyWords(filter !== undefined, read, ended)}</p>
      ) : (
        <Lines
          key={reading.wrap ? "wrapped" : "long"}
          lines={lines}
          search={filter?.search ?? ""}
          numbered={filter === undefined}
          {...reading}
        />
      )}
    </>
  );
}

function emptyWords(filtered: boolean, read: boolean, ended: boolean): string {
  if (filtered) return read ? "No line fits." : "Searching…";
  return ended ? "Nothing was logged." : "Nothing logged so far.";
}

function Toggle(props: { on: boolean; label: string; set: (on: boolean) => void; children: ReactNode }) {
  return (
    <Button
      look="bare"
      icon
      aria-label={props.label}
      title={props.label}
      aria-pressed={props.on}
      className="aria-pressed:bg-accent/12 aria-pressed:text-accent"
      onClick={() => props.set(!props.on)}
    >
      {props.children}
    </Button>
  );
}

type LinesProps = Reading & {
  lines: readonly LogLine[];
  search: string;
  /** What a search finds has no place in the log that we know. */
  numbered: boolean;
};

function Lines({ lines, search, numbered, wrap, follow, setFollow }: LinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_PX,
    getItemKey: (index) => lines[index]?.number ?? index,
    overscan: 20,
  });
  const count = lines.length;
  useEffect(() => {
    if (follow && count > 0) virtual.scrollToIndex(count - 1, { align: "end" });
  }, [follow, count, virtual]);
  const seen = useRef(0);
  const onScroll = (): void => {
    const at = box.current;
    if (at === null) return;
    const up = at.scrollTop < seen.current;
    const atEnd = at.scrollHeight - at.scrollTop - at.clientHeight < END_PX;
    seen.current = at.scrollTop;
    if (up && !atEnd && follow) setFollow(false);
    else if (atEnd && !up && !follow) setFollow(true);
  };
  return (
    <div
      ref={box}
      role="log"
      aria-live="off"
      onScroll={onScroll}
      className="max-h-[26rem] overflow-auto bg-sunken py-2 font-mono text-xs"
    >
      <div className="relative min-w-full" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const line = lines[item.index];
          if (line === undefined) return null;
          return (
            <div
              key={item.key}
              data-index={item.index}
              ref={virtual.measureElement}
              className={`absolute top-0 left-0 flex leading-5 ${wrap ? "w-full" : "min-w-full"} ${LEVEL[line.level]}`}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <span
                aria-hidden
                className={`${numbered ? "w-14" : "w-4"} shrink-0 pr-3 text-right text-muted/70 select-none`}
              >
                {numbered && line.number}
              </span>
              {line.at !== null && (
                <time
                  dateTime={line.at}
                  title={fullTime(line.at)}
                  className="w-26 shrink-0 text-muted select-none max-sm:hidden"
                >
                  {preciseTime(line.at)}
                </time>
              )}
              <span
                className={wrap ? "min-w-0 pr-4 wrap-anywhere whitespace-pre-wrap" : "pr-4 whitespace-pre"}
              >
                {line.level !== "plain" && (
                  <TriangleAlert aria-label={line.level} className="toned mr-1 inline size-3 align-[-1px]" />
                )}
                <Matches text={line.text} search={search} />
              </span>
            </div>
          );
        })}
      </div>
    </div>
  );
}

const LEVEL_WORDS: Record<LogFilter["level"], string> = {
  DEBUG: "All lines",
  INFO: "Without debug",
  WARN: "Warnings and errors",
  ERROR: "Errors",
};
const LEVEL = { plain: "", error: "tone-bad bg-bad/8", warning: "tone-waiting bg-waiting/8" };

function Matches({ text, search }: { text: string; search: string }) {
  // An empty line keeps its height.
  if (text === "") return " ";
  return splitMatches(text, search).map((piece) =>
    piece.match ? (
      <mark key={piece.at} className="rounded-sm bg-brass/35 text-ink">
        {piece.text}
      </mark>
    ) : (
      piece.text
    ),
  );
}
