/** A uPlot in a frame: as wide as that is, in the page's colours, drawn anew when the theme changes. */
import { type RefObject, useEffect, useRef } from "react";
import uPlot from "uplot";
import { useTheme } from "./theme.tsx";

export type PlotColours = (token: string) => string;

/** `optionsFor` gets the frame's width; it is asked once per theme. Returns the ref of the frame. */
export function usePlot(
  data: uPlot.AlignedData,
  height: number,
  optionsFor: (frame: HTMLElement, colour: PlotColours) => uPlot.Options,
): RefObject<HTMLDivElement | null> {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ data, optionsFor });
  latest.current = { data, optionsFor };
  const theme = useTheme();

  useEffect(() => {
    const target = frame.current;
    // The theme is read from the page's colours: a new theme draws a new plot.
    if (target === null || theme === undefined) return;
    const options = latest.current.optionsFor(target, (token) => colourOf(target, token));
    const made = new uPlot(options, latest.current.data, target);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: target.clientWidth, height }));
    watch.observe(target);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme, height]);

  useEffect(() => plot.current?.setData(data), [data]);
  return frame;
}

/** The computed colour of a token; a canvas does not understand `light-dark()`. */
function colourOf(target: HTMLElement, token: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${token})`;
  target.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** What both axes have in common. */
export function axisOf(frame: HTMLElement, colour: PlotColours) {
  return {
    stroke: colour("muted"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font: `11px ${getComputedStyle(frame).fontFamily}`,
  };
}

/** Whole numbers, at round distances, with room for the longest. */
export const COUNTS = {
  size: (_plot: uPlot, values: string[] | null) =>
    Math.max(40, 14 + 7 * Math.max(0, ...(values ?? []).map((value) => value?.length ?? 0))),
  space: 32,
  incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 5e4, 1e5, 1e6],
};
