/** The way to older pages of a keyset list and back to its start. */
import { ChevronLeft, ChevronRight } from "lucide-react";
import { Button } from "./button.tsx";

export type PagerProps = {
  /** Undefined on the first page. */
  first: (() => void) | undefined;
  /** Undefined on the last page. */
  next: (() => void) | undefined;
  words?: { first: string; next: string };
};

export function Pager({ first, next, words = { first: "First page", next: "Next" } }: PagerProps) {
  if (first === undefined && next === undefined) return null;
  return (
    <nav aria-label="Pages" className="flex items-center justify-between border-t border-line px-4 py-2">
      <Button look="bare" disabled={first === undefined} onClick={first}>
        <ChevronLeft className="size-4" /> {words.first}
      </Button>
      <Button look="bare" disabled={next === undefined} onClick={next}>
        {words.next} <ChevronRight className="size-4" />
      </Button>
    </nav>
  );
}

/** The two ways of a list whose place is a cursor. */
export const pagesBy = (
  after: string | undefined,
  next: string | undefined,
  go: (after: string | undefined) => void,
): Pick<PagerProps, "first" | "next"> => ({
  first: after === undefined ? undefined : () => go(undefined),
  next: next === undefined ? undefined : () => go(next),
});
