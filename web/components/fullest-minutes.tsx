/** The fullest minutes of a forecast: what the chart shows, for those who do not see it. */
import { ZoomIn } from "lucide-react";
import type { Minute, View } from "../model/forecast.ts";
import { clockTime, formatCount, relativeTime } from "../model/time.ts";
import { Button } from "./button.tsx";
import { useNow } from "./clock.ts";
import { Table, Td, Th } from "./table.tsx";

/** To either side of a minute that is looked at. */
const AROUND_MS = 1_800_000;

export type FullestMinutesProps = { minutes: readonly Minute[]; zoom: (view: View) => void };

export function FullestMinutes({ minutes, zoom }: FullestMinutesProps) {
  const now = useNow();
  const most = minutes[0]?.fires ?? 1;
  return (
    <Table
      label="The fullest minutes"
      head={
        <>
          <Th>Minute</Th>
          <Th from="sm">From now</Th>
          <Th right>Fires</Th>
          <Th from="sm" className="w-1/3">
            <span className="sr-only">Compared</span>
          </Th>
          <Th className="w-12">
            <span className="sr-only">Zoom</span>
          </Th>
        </>
      }
    >
      {minutes.map(({ atMs, fires }) => {
        const at = new Date(atMs).toISOString();
        return (
          <tr key={atMs}>
            <Td className="whitespace-nowrap tabular-nums">{clockTime(at, now).replace(/:00$/, "")}</Td>
            <Td from="sm" className="text-muted">
              {relativeTime(at, now)}
            </Td>
            <Td right>{formatCount(fires)}</Td>
            <Td from="sm">
              <div aria-hidden className="tone-running mt-1.5 h-2">
                <div className="filled h-full rounded-sm" style={{ width: `${(fires / most) * 100}%` }} />
              </div>
            </Td>
            <Td right>
              <Button
                look="bare"
                icon
                className="-my-1"
                aria-label={`Show the hour around ${clockTime(at, now)}`}
                title="Show the hour around it"
                onClick={() => zoom({ fromMs: atMs - AROUND_MS, toMs: atMs + AROUND_MS })}
              >
                <ZoomIn className="size-4" />
              </Button>
            </Td>
          </tr>
        );
      })}
    </Table>
  );
}
