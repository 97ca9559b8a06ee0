/** The figures of one trial, by name. */
export type Figures = Record<string, number>;
