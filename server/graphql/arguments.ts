/** Arguments that several fields share. */
import { builder } from "./builder.ts";

/** A thing by its namespace and name. */
export const byName = builder.args((t) => ({
  namespace: t.string({ defaultValue: "default" }),
  name: t.string({ required: true }),
}));
