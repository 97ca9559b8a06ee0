/** The namespace's numbers, read once and kept true for the shell and the overview alike. */
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from "react";
import { useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { type Numbers, OverviewEvents, OverviewQuery } from "../graphql/overview.ts";
import { useViewer } from "./viewer.tsx";

const DRAW_MS = 400;

const NumbersContext = createContext<Numbers | undefined>(undefined);

/** The latest numbers; undefined until the first answer. */
export const useNumbers = (): Numbers | undefined => useContext(NumbersContext);

export function NumbersFeed({ children }: { children: ReactNode }) {
  const { namespace } = useViewer();
  const { data, fetching } = useLiveQuery(OverviewQuery, { namespace });
  const [numbers, setNumbers] = useState<Numbers | undefined>(undefined);
  const latest = useRef<Numbers | undefined>(undefined);
  const draw = useThrottled(() => setNumbers(latest.current), DRAW_MS);
  useEffect(() => {
    latest.current = fetching ? undefined : data?.overview;
    setNumbers(latest.current);
  }, [data, fetching]);
  useEvents(OverviewEvents, { namespace }, ({ overviewChanged }) => {
    latest.current = overviewChanged;
    draw();
  });
  return <NumbersContext value={numbers}>{children}</NumbersContext>;
}
