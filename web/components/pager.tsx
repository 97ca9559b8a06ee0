/** The way to older pages of a keyset list and back to its start. */
import { ChevronLeft, ChevronRight } from "lucide-react";
import { Button } from "./button.tsx";

export type PagerProps = {
  /** Whether this is not the first page. */
  beyondFirst: boolean;
  /** The cursor of the next page, if there is one. */
  next: string | undefined;
  go: (after: string | undefined) => void;
  words?: { first: string; next: string };
};

export function Pager({ beyondFirst, next, go, words = { first: "First page", next: "Next" } }: PagerProps) {
  if (!beyondFirst && next === undefined) return null;
  return (
    <nav aria-label="Pages" className="flex items-center justify-between border-t border-line px-4 py-2">
      <Button look="bare" disabled={!beyondFirst} onClick={() => go(undefined)}>
        <ChevronLeft className="size-4" /> {words.first}
      </Button>
      <Button look="bare" disabled={next === undefined} onClick={() => go(next)}>
        {words.next} <ChevronRight className="size-4" />
      </Button>
    </nav>
  );
}
