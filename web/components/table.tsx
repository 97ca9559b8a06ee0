/** Tables that lose their less important columns where the room is narrow, be it the screen or the panel. */
import type { ReactNode } from "react";

/** From which width of the table on a column shows: always, 32, 42 or 56 rem. */
type From = "always" | "sm" | "md" | "lg";

const SHOWN: Record<From, string> = {
  always: "",
  sm: "@max-lg:hidden",
  md: "@max-2xl:hidden",
  lg: "@max-4xl:hidden",
};

export function Table({ label, head, children }: { label: string; head: ReactNode; children: ReactNode }) {
  return (
    <div className="@container overflow-x-auto">
      <table aria-label={label} className="w-full border-collapse text-[13px]">
        <thead>
          <tr className="border-b border-line">{head}</tr>
        </thead>
        <tbody className="divide-y divide-line">{children}</tbody>
      </table>
    </div>
  );
}

type CellProps = { from?: From; right?: boolean; className?: string; children?: ReactNode };

export function Th({ from = "always", right = false, className = "", children }: CellProps) {
  return (
    <th
      scope="col"
      className={`h-9 px-2 text-xs font-medium whitespace-nowrap text-muted first:pl-4 last:pr-4 ${right ? "text-right" : "text-left"} ${SHOWN[from]} ${className}`}
    >
      {children}
    </th>
  );
}

export function Td({ from = "always", right = false, className = "", children }: CellProps) {
  return (
    <td
      className={`px-2 py-2 align-top first:pl-4 last:pr-4 ${right ? "text-right tabular-nums" : "text-left"} ${SHOWN[from]} ${className}`}
    >
      {children}
    </td>
  );
}
