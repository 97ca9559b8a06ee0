/** From figures to rows with ratios and goals: as a table for people, as JSON for programs. */
import colors from "picocolors";
import { PEERS, type PeerName, POSTGRES_PEERS, TITLES } from "./contestants.ts";
import type { Machine } from "./machine.ts";
import type { Goal, Row } from "./measure.ts";
import type { Results } from "./rounds.ts";

export interface Checked {
  goal: string;
  /** What there is in place of what was asked for; null when it could not be measured. */
  reached: number | null;
  met: boolean | null;
}

export interface Line {
  name: string;
  unit: string;
  better: Row["better"];
  /** Median over the rounds, then the lowest and the highest of them. */
  ours: number;
  oursRange: [number, number];
  peers: Partial<Record<PeerName, number>>;
  /** Turned so that more than 1 means that we are ahead; null without a peer. */
  ratioToBest: number | null;
  ratioToBestPostgres: number | null;
  floor: number | null;
  goals: Checked[];
  note: string | null;
}

/** One line per row that we have a figure for. */
export function linesOf(rows: readonly Row[], results: Results): Line[] {
  return rows.flatMap((row) => {
    const ours = results.median(row.ours);
    if (ours === null) return [];
    const values = results.values(row.ours);
    const ratio = (theirs: number): number => (row.better === "more" ? ours / theirs : theirs / ours);
    const peers: Line["peers"] = {};
    for (const name of PEERS) {
      const source = row.peers[name];
      const value = source ? results.median(source) : null;
      if (value !== null) peers[name] = value;
    }
    const least = (names: readonly PeerName[]): number | null => {
      const ratios = names.flatMap((name) => (peers[name] === undefined ? [] : [ratio(peers[name])]));
      return ratios.length === 0 ? null : Math.min(...ratios);
    };
    const floor = row.floor ? results.median(row.floor) : null;
    const ratioToBest = least(PEERS);
    const reached = (goal: Goal): number | null => {
      if (!("against" in goal)) return ours;
      if (goal.against === "floor") return floor === null ? null : ratio(floor);
      if (goal.against === "best") return ratioToBest;
      return least([goal.against]);
    };
    return [
      {
        name: row.name,
        unit: row.unit,
        better: row.better,
        ours,
        oursRange: [values[0] ?? ours, values.at(-1) ?? ours] as [number, number],
        peers,
        ratioToBest,
        ratioToBestPostgres: least(POSTGRES_PEERS),
        floor,
        goals: (row.goals ?? []).map((goal) => checked(goal, reached(goal))),
        note: row.note ?? null,
      },
    ];
  });
}

function checked(goal: Goal, reached: number | null): Checked {
  if ("atMost" in goal) {
    return { goal: `≤ ${goal.atMost}`, reached, met: reached === null ? null : reached <= goal.atMost };
  }
  if ("atLeast" in goal) {
    return { goal: `≥ ${goal.atLeast}`, reached, met: reached === null ? null : reached >= goal.atLeast };
  }
  const against =
    { best: "the best peer", floor: "the floor" }[goal.against as "best" | "floor"] ?? goal.against;
  return {
    goal: `≥ ${goal.ratio} × ${against}`,
    reached,
    met: reached === null ? null : reached >= goal.ratio,
  };
}

const figure = (value: number): string =>
  value >= 1_000
    ? Math.round(value).toLocaleString("en")
    : value >= 100
      ? value.toFixed(0)
      : value.toPrecision(3);
const times = (value: number): string => `${value >= 10 ? value.toFixed(1) : value.toFixed(2)}×`;

/** The table; ratios above 1 mean that we are ahead. */
export function tableOf(lines: readonly Line[]): string {
  const width = Math.max(...lines.map(({ name }) => name.length), 10);
  const head = `${"measure".padEnd(width)}  ${"ours".padStart(9)} ${"".padEnd(14)} ${"× best".padStart(8)} ${"× best on PG".padStart(13)}`;
  const text = lines.flatMap((line) => {
    const ratio = (value: number | null, size: number): string => {
      const shown = (value === null ? "–" : times(value)).padStart(size);
      return value === null ? colors.dim(shown) : value >= 1 ? colors.green(shown) : colors.red(shown);
    };
    const first = `${line.name.padEnd(width)}  ${colors.bold(figure(line.ours).padStart(9))} ${line.unit.padEnd(14)} ${ratio(line.ratioToBest, 8)} ${ratio(line.ratioToBestPostgres, 13)}`;
    const goals = line.goals.map(({ goal, reached, met }) => {
      if (met === null || reached === null) return colors.yellow(`goal ${goal}: not measured`);
      const sign = met ? colors.green("✔ met") : colors.red("✘ missed");
      return `goal ${goal}: ${sign} (${reached.toFixed(2)})`;
    });
    const range =
      line.oursRange[0] === line.oursRange[1]
        ? []
        : [`ours ${figure(line.oursRange[0])} to ${figure(line.oursRange[1])}`];
    const others = PEERS.flatMap((name) => {
      const value = line.peers[name];
      if (value === undefined) return [];
      const ratio = line.better === "more" ? line.ours / value : value / line.ours;
      return [`${TITLES[name]} ${figure(value)} (${times(ratio)})`];
    });
    const floor =
      line.floor === null ? [] : [`floor ${figure(line.floor)} (${times(line.ours / line.floor)})`];
    const note = line.note === null ? [] : [line.note];
    const below = [...range, ...others, ...floor, ...note].join(" · ");
    return [
      first,
      ...(below === "" ? [] : [colors.dim(`    ${below}`)]),
      ...(goals.length === 0 ? [] : [`    ${goals.join(" · ")}`]),
    ];
  });
  return [colors.underline(head), ...text].join("\n");
}

/** How many goals were met, and which were not. */
export function summaryOf(lines: readonly Line[], skipped: readonly string[], results: Results): string {
  const goals = lines.flatMap((line) => line.goals.map((goal) => ({ ...goal, name: line.name })));
  const met = goals.filter((goal) => goal.met === true);
  const missed = goals.filter((goal) => goal.met === false);
  const unknown = goals.filter((goal) => goal.met === null);
  const list = (title: string, entries: readonly string[]): string[] =>
    entries.length === 0 ? [] : [title, ...entries.map((entry) => `  ${entry}`)];
  const noise = [...results.foreign].map(([key, share]) => `${key} ${(share * 100).toFixed(0)} %`).join(", ");
  return [
    `${met.length} of ${goals.length} goals met.`,
    ...list(
      colors.red("Missed:"),
      missed.map(({ name, goal, reached }) => `${name}: ${goal}, is ${reached?.toFixed(2)}`),
    ),
    ...list(
      colors.yellow("Not measured here:"),
      unknown.map(({ name, goal }) => `${name}: ${goal}`),
    ),
    ...list(colors.yellow("Skipped:"), skipped),
    ...list(colors.red("Failed:"), results.failures),
    `Share of the machine that others took while a trial ran, at most: ${noise}. Above some 10 % do not trust a figure.`,
  ].join("\n");
}

export function jsonOf(
  machine: Machine,
  lines: readonly Line[],
  skipped: readonly string[],
  results: Results,
): string {
  const report = {
    machine,
    measures: lines,
    skipped,
    failures: results.failures,
    othersShare: Object.fromEntries(results.foreign),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
