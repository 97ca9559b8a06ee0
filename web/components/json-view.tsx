/** A JSON value as a tree that opens where the reader looks. Only opened branches are drawn, and each only in part. */
import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { entriesOf, type Json, previewJson } from "../model/json.ts";
import { CopyButton } from "./copy.tsx";

const OPEN_DEPTH = 2;
const ENTRIES = 100;
const TEXT = 600;

export function JsonView({ value, label }: { value: Json; label: string }) {
  if (value === null) return <p className="px-4 py-3 text-muted">None.</p>;
  return (
    <div className="relative">
      <div className="absolute top-1.5 right-1.5 z-1">
        <CopyButton text={JSON.stringify(value, null, 2)} label={`Copy the ${label}`} />
      </div>
      <div className="max-h-96 overflow-auto py-2.5 pr-10 pl-3 font-mono text-xs leading-relaxed">
        <Branch value={value} depth={0} />
      </div>
    </div>
  );
}

function Branch({ name, value, depth }: { name?: string; value: Json; depth: number }) {
  const [open, setOpen] = useState(depth < OPEN_DEPTH);
  const [shown, setShown] = useState(ENTRIES);
  const entries = entriesOf(value);
  const key = name === undefined ? null : <span className="text-accent">{name}: </span>;
  if (entries === null || entries.length === 0)
    return (
      <div className="pl-4 wrap-anywhere">
        {key}
        <Leaf value={value} />
      </div>
    );
  const count = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  return (
    <div>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex max-w-full items-start text-left"
      >
        <ChevronRight
          aria-hidden
          className={`mt-1 mr-1 size-3 shrink-0 text-muted ${open ? "rotate-90" : ""}`}
        />
        <span className="min-w-0 truncate">
          {key}
          <span className="text-muted">{open ? count : previewJson(value)}</span>
        </span>
      </button>
      {open && (
        <div className="ml-1.5 border-l border-line pl-2">
          {entries.slice(0, shown).map(([each, inner]) => (
            <Branch key={each} name={each} value={inner} depth={depth + 1} />
          ))}
          {entries.length > shown && (
            <button
              type="button"
              className="pl-4 text-accent underline"
              onClick={() => setShown(shown + ENTRIES)}
            >
              {entries.length - shown} more
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Leaf({ value }: { value: Json }) {
  const [all, setAll] = useState(false);
  if (typeof value !== "string") return <span className="text-running">{JSON.stringify(value)}</span>;
  const text = JSON.stringify(value);
  if (text.length <= TEXT || all) return <span className="text-good">{text}</span>;
  return (
    <span className="text-good">
      {text.slice(0, TEXT)}…{" "}
      <button type="button" className="text-accent underline" onClick={() => setAll(true)}>
        {text.length - TEXT} more characters
      </button>
    </span>
  );
}
