/** Fields that most people leave as they are, behind their heading. */
import { ChevronRight } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";

export type MoreFieldsProps = {
  title: string;
  /** What the fields say now, so that nobody has to look. */
  said: string;
  /** True opens it: one of its fields is at fault. */
  wrong: boolean;
  children: ReactNode;
};

export function MoreFields({ title, said, wrong, children }: MoreFieldsProps) {
  const [open, setOpen] = useState(wrong);
  // It stays open while the fault is mended.
  useEffect(() => {
    if (wrong) setOpen(true);
  }, [wrong]);
  return (
    <section className="rounded-md border border-line">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex w-full items-baseline gap-2 px-3 py-2 text-left text-[13px]"
      >
        <ChevronRight
          aria-hidden
          className={`size-3.5 shrink-0 translate-y-0.5 text-muted ${open ? "rotate-90" : ""}`}
        />
        <span className="font-medium whitespace-nowrap">{title}</span>
        {!open && <span className="min-w-0 truncate text-xs text-muted">{said}</span>}
      </button>
      {open && <div className="grid gap-x-3 gap-y-2 px-3 pb-2 sm:grid-cols-2">{children}</div>}
    </section>
  );
}
