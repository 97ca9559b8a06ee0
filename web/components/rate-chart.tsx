/** Runs per minute: ended ones as stacked bars, started ones as a line. */
import uPlot from "uplot";
import type { ChartColumns } from "../model/chart.ts";
import { axisOf, COUNTS, type PlotColours, usePlot } from "./plot.ts";

const HEIGHT = 180;

export default function RateChart({ columns }: { columns: ChartColumns }) {
  const frame = usePlot(columns, HEIGHT, optionsFor);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const [minutes, ended, succeeded] = [columns[0].length, sum(columns[1]), sum(columns[2])];
  const said = `In the last ${minutes} minutes ${sum(columns[3])} runs started, ${succeeded} succeeded and ${ended - succeeded} failed.`;
  return (
    <div className="px-2 pt-3 pb-2">
      <div ref={frame} role="img" aria-label={said} />
    </div>
  );
}

function optionsFor(frame: HTMLElement, colour: PlotColours): uPlot.Options {
  const axis = axisOf(frame, colour);
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
    width: frame.clientWidth,
    height: HEIGHT,
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      // Half a minute on each side, so that the first and the last bar are whole.
      x: { range: (_, min, max) => [min - 30, max + 30] },
      y: { range: (_, __, max) => [0, Math.max(4, max * 1.08)] },
    },
    axes: [
      { ...axis, grid: { show: false }, values: "{HH}:{mm}", size: 28, space: 64 },
      { ...axis, ...COUNTS },
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
