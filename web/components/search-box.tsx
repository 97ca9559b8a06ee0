/** A filter that is applied a moment after the last key. */
import { Search } from "lucide-react";
import { useEffect, useState } from "react";

const PAUSE_MS = 250;

export type SearchBoxProps = {
  label: string;
  value: string;
  apply: (value: string) => void;
  suggestions?: readonly string[];
  className?: string;
};

export function SearchBox({ label, value, apply, suggestions, className = "" }: SearchBoxProps) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return;
    const timer = window.setTimeout(() => apply(typed.trim()), PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [typed, value, apply]);
  const list = suggestions === undefined ? undefined : `suggestions-${label.replaceAll(" ", "-")}`;
  return (
    <label className={`relative min-w-40 ${className}`}>
      <span className="sr-only">{label}</span>
      <Search aria-hidden className="absolute top-2 left-2.5 size-4 text-muted" />
      <input
        type="search"
        list={list}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        placeholder={label}
        className="h-8 w-full rounded-md border border-line bg-panel pr-2 pl-8 text-[13px] placeholder:text-muted"
      />
      {list !== undefined && (
        <datalist id={list}>
          {suggestions?.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </label>
  );
}
