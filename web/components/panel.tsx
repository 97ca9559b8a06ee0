/** The blocks that pages are made of. */
import type { ReactNode } from "react";

/** A framed block with an optional heading line. */
export function Panel(props: {
  title?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  return (
    <section className={`overflow-clip rounded-lg border border-line bg-panel ${props.className ?? ""}`}>
      {(props.title !== undefined || props.aside !== undefined) && (
        <header className="flex min-h-11 flex-wrap items-center justify-between gap-x-3 gap-y-1 border-b border-line px-4 py-1.5">
          <h2 className="text-[13px] font-semibold">{props.title}</h2>
          {props.aside}
        </header>
      )}
      {props.children}
    </section>
  );
}

/** The head of a page: what it is about, and what can be done with it. */
export function PageHead(props: {
  title: ReactNode;
  note?: ReactNode;
  above?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <div className="mb-5 flex flex-wrap items-start justify-between gap-x-4 gap-y-3">
      <div className="min-w-0">
        {props.above !== undefined && <div className="mb-1 text-xs text-muted">{props.above}</div>}
        <h1 className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xl font-semibold tracking-tight wrap-anywhere">
          {props.title}
        </h1>
        {props.note !== undefined && <div className="mt-1 max-w-prose text-muted">{props.note}</div>}
      </div>
      {props.children !== undefined && (
        <div className="flex flex-wrap items-center gap-2">{props.children}</div>
      )}
    </div>
  );
}

/** Names with values, two columns. */
export function Facts({ children }: { children: ReactNode }) {
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-2 px-4 py-3 text-[13px] [&>dd]:min-w-0 [&>dd]:wrap-anywhere [&>dt]:text-muted">
      {children}
    </dl>
  );
}
