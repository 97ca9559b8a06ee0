/** What the change of a calendar does to the triggers that go by it. */
import type { CalendarEffects as Effects } from "../graphql/calendars.ts";
import { changesInWords } from "../model/changes.ts";
import { zoneOf } from "../model/schedule-form.ts";
import { countOf } from "../model/time.ts";
import { FireChangesView } from "./fire-changes.tsx";

const TRIGGERS = ["trigger", "triggers"] as const;

export function CalendarEffects({ effects }: { effects: Effects }) {
  const { triggers, moved, changes } = effects;
  return (
    <section aria-label="What it changes" className="grid gap-3 text-[13px]">
      <p className="font-medium">
        {triggers === 0
          ? "No trigger goes by it."
          : `${countOf(triggers, TRIGGERS)} ${triggers === 1 ? "goes" : "go"} by it; ${
              moved === 0 ? "none" : moved
            } of them ${moved < 2 ? "is" : "are"} due at another time next.`}
      </p>
      {triggers > 0 && changes.length === 0 && (
        <p className="text-muted">The fires of the next 30 days stay as they are.</p>
      )}
      {changes.map(({ trigger, changes: fires }) => {
        const zone = zoneOf(trigger.schedule);
        return (
          <details key={trigger.id} className="rounded-md border border-line px-3 py-2">
            <summary className="cursor-pointer">
              <span className="font-medium">{trigger.name}</span>{" "}
              <span className="text-muted">{changesInWords(fires, zone).slice(0, 2).join(" ")}</span>
            </summary>
            <div className="mt-2">
              <FireChangesView changes={fires} timeZone={zone} />
            </div>
          </details>
        );
      })}
    </section>
  );
}
