/** What a page shows when there is nothing, not yet or no more to show. */
import { TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import type { CombinedError } from "urql";
import { messageOf } from "../graphql/client.ts";
import { Button } from "./button.tsx";
import { CopyButton } from "./copy.tsx";

/** An empty list, and the next step. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-2xl flex-col items-center gap-3 px-4 py-12 text-center">
      <p className="text-[15px] font-medium">{title}</p>
      {children !== undefined && (
        <div className="flex w-full flex-col items-center gap-3 text-muted">{children}</div>
      )}
    </div>
  );
}

/** A command to copy. */
export function Command({ children }: { children: string }) {
  return (
    <div className="relative w-full max-w-full text-left">
      <pre className="overflow-x-auto rounded-md border border-line bg-sunken py-3 pr-12 pl-3 font-mono text-xs leading-relaxed text-ink">
        {children}
      </pre>
      <div className="absolute top-1.5 right-1.5">
        <CopyButton text={children} label="Copy the command" />
      </div>
    </div>
  );
}

/** A failed read: the server's message and another try. */
export function Fault({ error, retry }: { error: CombinedError; retry: () => void }) {
  return (
    <div role="alert" className="tone-bad flex flex-wrap items-center gap-3 px-4 py-5">
      <TriangleAlert aria-hidden className="toned size-5 shrink-0" />
      <p className="min-w-0 flex-1 wrap-anywhere">{messageOf(error)}</p>
      <Button onClick={retry}>Try again</Button>
    </div>
  );
}

/** Grey lines while the first answer is on its way. */
export function Loading({ lines = 5 }: { lines?: number }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-3 px-4 py-4">
      {Array.from({ length: lines }, (_, index) => `line ${index}`).map((line) => (
        <div key={line} className="h-4 rounded bg-line/60 motion-safe:animate-pulse" />
      ))}
    </div>
  );
}
