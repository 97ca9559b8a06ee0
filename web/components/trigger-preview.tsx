/** What the server makes of a trigger that is being written: its schedule in words and its next times. */
import { useEffect, useState } from "react";
import { messageOf } from "../graphql/client.ts";
import { useLiveQuery } from "../graphql/live.ts";
import { PreviewQuery } from "../graphql/triggers.ts";
import type { PreviewValues } from "../model/trigger-form.ts";
import { Fires } from "./fires.tsx";

const PREVIEW_AFTER_MS = 300;

/** Asks a moment after the last key. `asked` is null while the form cannot be read. */
export function TriggerPreview({ asked }: { asked: PreviewValues | null }) {
  const wanted = asked === null ? null : JSON.stringify(asked);
  const [settled, setSettled] = useState(wanted);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(wanted), PREVIEW_AFTER_MS);
    return () => window.clearTimeout(timer);
  }, [wanted]);
  return (
    <aside
      aria-label="Preview"
      className="min-h-28 self-start rounded-md bg-sunken md:sticky md:top-0 px-3 py-2.5 text-[13px]"
    >
      {settled === null ? (
        <p className="text-muted">The next fire times come here once the schedule is complete.</p>
      ) : (
        <NextFires asked={JSON.parse(settled) as PreviewValues} />
      )}
    </aside>
  );
}

function NextFires({ asked }: { asked: PreviewValues }) {
  const { data, error, fetching } = useLiveQuery(PreviewQuery, asked);
  if (error !== undefined)
    return (
      <p role="status" className="text-bad wrap-anywhere">
        {messageOf(error)}
      </p>
    );
  if (data === undefined) return <p className="text-muted">One moment…</p>;
  return (
    <div role="status" className={fetching ? "opacity-60" : ""}>
      <p className="font-medium wrap-anywhere">{data.describeSchedule}</p>
      <p className="mt-2 text-xs text-muted">Next fire times</p>
      {data.previewFires.length === 0 ? (
        <p>None: it would never fire.</p>
      ) : (
        <Fires
          fires={data.previewFires}
          zoned={Object.values(asked.schedule).some((parts) => "timeZone" in parts)}
          className="mt-1 grid gap-1"
        />
      )}
    </div>
  );
}
