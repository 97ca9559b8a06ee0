/** Runs per minute: ended ones as stacked bars, started ones as a line. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import type { ChartColumns } from "../model/chart.ts";
import { useTheme } from "./theme.tsx";

const HEIGHT = 180;

export default function RateChart({ columns }: { columns: ChartColumns }) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const first = useRef(columns);
  first.current = columns;
  const theme = useTheme();

  useEffect(() => {
    const target = frame.current;
    // The theme is read from the page's colours: a new theme draws a new plot.
    if (target === null || theme === undefined) return;
    const made = new uPlot(optionsFor(target), first.current, target);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: target.clientWidth, height: HEIGHT }));
    watch.observe(target);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme]);

  useEffect(() => plot.current?.setData(columns), [columns]);

  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const [minutes, ended, succeeded] = [columns[0].length, sum(columns[1]), sum(columns[2])];
  const said = `In the last ${minutes} minutes ${sum(columns[3])} runs started, ${succeeded} succeeded and ${ended - succeeded} failed.`;
  return (
    <div className="px-2 pt-3 pb-2">
      <div ref={frame} role="img" aria-label={said} />
    </div>
  );
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

function optionsFor(target: HTMLElement): uPlot.Options {
  const colour = (token: string): string => colourOf(target, token);
  const grid = { stroke: colour("line"), width: 1 };
  const font = `11px ${getComputedStyle(target).fontFamily}`;
  const axis = { stroke: colour("muted"), grid, ticks: { show: false }, font };
  const bars = uPlot.paths.bars?.({ size: [0.7, 14] });
  const area = (token: string, label: string, value: uPlot.Series.Value): uPlot.Series => ({
    label,
    value,
    fill: colour(token),
    stroke: colour(token),
    width: 0,
    points: { show: false },
    ...(bars === undefined ? {} : { paths: bars }),
  });
  return {
    width: target.clientWidth,
    height: HEIGHT,
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      // Half a minute on each side, so that the first and the last bar are whole.
      x: { range: (_, min, max) => [min - 30, max + 30] },
      y: { range: (_, __, max) => [0, Math.max(4, max * 1.08)] },
    },
    axes: [
      { ...axis, grid: { show: false }, values: "{HH}:{mm}", size: 28, space: 64 },
      {
        ...axis,
        size: 40,
        space: 32,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 5e4, 1e5, 1e6],
      },
    ],
    series: [
      { label: "Minute", value: "{HH}:{mm}" },
      // Drawn first to last: the whole stack in the colour of failures, then what succeeded over it.
      area("bar-bad", "Failed", (plotted, top, _, index) => {
        const succeeded = index === null ? null : plotted.data[2]?.[index];
        return top == null ? "–" : String(top - (succeeded ?? 0));
      }),
      area("bar-good", "Succeeded", (_, value) => (value == null ? "–" : String(value))),
      {
        label: "Started",
        stroke: colour("bar-line"),
        width: 1.5,
        points: { show: false },
      },
    ],
  };
}
