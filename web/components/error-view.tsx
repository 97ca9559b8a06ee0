/** An error as the worker told it: message, type, stack. */
import { useState } from "react";

export type ErrorViewProps = { error: { message: string; type: string | null; stack: string | null } };

export function ErrorView({ error }: ErrorViewProps) {
  const [open, setOpen] = useState(false);
  return (
    <div className="tone-bad text-[13px]">
      <p className="wrap-anywhere whitespace-pre-wrap">
        {error.type !== null && <span className="toned font-medium">{error.type}: </span>}
        {error.message}
      </p>
      {error.stack !== null && (
        <>
          <button
            type="button"
            aria-expanded={open}
            className="mt-1 text-xs text-accent hover:underline"
            onClick={() => setOpen(!open)}
          >
            {open ? "Hide the stack" : "Show the stack"}
          </button>
          {open && (
            <pre className="mt-1 max-h-72 overflow-auto rounded bg-sunken p-2 font-mono text-xs">
              {error.stack}
            </pre>
          )}
        </>
      )}
    </div>
  );
}
