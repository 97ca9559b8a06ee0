/** The fires ahead as bars: as many as there is room for, each the sum of its minutes. Dragging zooms in. */
import { useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import { columnsOf, type MinuteCounts, stepFor, type View } from "../model/forecast.ts";
import { formatCount, formatSpan } from "../model/time.ts";
import { axisOf, COUNTS, type PlotColours, usePlot } from "./plot.ts";

const HEIGHT = 240;
/** A bar with its gap, and less is a blur. */
const BAR_PIXELS = 6;
const AXIS_PIXELS = 48;
/** A shorter drag is a click. */
const DRAG_PIXELS = 6;

export type ForecastChartProps = {
  minutes: MinuteCounts;
  view: View;
  /** What the chart shows, in words. */
  said: string;
  zoom: (view: View) => void;
};

export default function ForecastChart({ minutes, view, said, zoom }: ForecastChartProps) {
  const room = useRef<HTMLDivElement>(null);
  const width = useWidth(room);
  const step = stepFor(view, Math.max(20, Math.floor((width - AXIS_PIXELS) / BAR_PIXELS)));
  const columns = useMemo(
    () => columnsOf(minutes, view, step, -new Date(view.fromMs).getTimezoneOffset()),
    [minutes, view, step],
  );
  const shown = useRef({ minutes, view, step, zoom });
  shown.current = { minutes, view, step, zoom };
  const frame = usePlot(columns, HEIGHT, (target, colour) => optionsFor(target, colour, shown));
  return (
    <div ref={room} className="px-2 pt-3 pb-2">
      <div ref={frame} role="img" aria-label={said} />
      <p className="mt-1 px-2 text-xs text-muted">
        Each bar is {step === 1 ? "a minute" : formatSpan(step * 60_000)}.{" "}
        <span className="pointer-coarse:hidden">Drag over a part to see it larger.</span>
      </p>
    </div>
  );
}

function useWidth(room: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const target = room.current;
    if (target === null) return;
    const watch = new ResizeObserver(() => setWidth(target.clientWidth));
    watch.observe(target);
    return () => watch.disconnect();
  }, [room]);
  return width;
}

type Shown = Pick<ForecastChartProps, "minutes" | "view" | "zoom"> & { step: number };

function optionsFor(frame: HTMLElement, colour: PlotColours, shown: React.RefObject<Shown>): uPlot.Options {
  const axis = axisOf(frame, colour);
  const bars = uPlot.paths.bars?.({ size: [0.8, 40], align: 1 });
  const hatch = colour("line");
  return {
    width: frame.clientWidth,
    height: HEIGHT,
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: DRAG_PIXELS },
      points: { show: false },
    },
    scales: {
      x: { range: () => [shown.current.view.fromMs / 1000, shown.current.view.toMs / 1000] },
      y: { range: (_, __, max) => [0, Math.max(4, max * 1.08)] },
    },
    axes: [
      { ...axis, grid: { show: false }, values: TICKS, size: 40, space: 70 },
      { ...axis, ...COUNTS },
    ],
    series: [
      { label: "From", value: "{D} {MMM} {HH}:{mm}" },
      {
        label: "Fires",
        value: (_, value, __, index) =>
          index == null ? "–" : value == null ? "not computed" : formatCount(value),
        fill: colour("bar-line"),
        stroke: colour("bar-line"),
        width: 0,
        points: { show: false },
        ...(bars === undefined ? {} : { paths: bars }),
      },
    ],
    hooks: {
      // Where nobody looked there is no ground to stand on.
      drawClear: [
        (plot) => {
          const { knownMs } = shown.current.minutes;
          const from = Math.max(plot.bbox.left, plot.valToPos(knownMs / 1000, "x", true));
          const end = plot.bbox.left + plot.bbox.width;
          if (from >= end) return;
          plot.ctx.fillStyle = hatch;
          plot.ctx.fillRect(from, plot.bbox.top, end - from, plot.bbox.height);
        },
      ],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < DRAG_PIXELS) return;
          const at = (pixel: number): number => plot.posToVal(pixel, "x") * 1000;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          shown.current.zoom({ fromMs: at(left), toMs: at(left + width) });
        },
      ],
    },
  };
}

const DAY_SECONDS = 86_400;
/** The day stands under the first tick of each day, and alone where ticks are days apart. */
const TICKS: uPlot.Axis.Values = [
  [DAY_SECONDS, "{D} {MMM}", null, null, null, null, null, null, 1],
  [60, "{HH}:{mm}", null, null, "\n{D} {MMM}", null, null, null, 1],
];
