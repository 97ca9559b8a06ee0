/** A time zone by its IANA name, with those that the browser knows as suggestions. */
import { type ComponentProps, useId } from "react";
import { readersZone } from "../model/wall-clock.ts";
import { type Common, TextField } from "./field.tsx";

const ZONES: readonly string[] = [
  "UTC",
  ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC"),
];
const HERE = readersZone();

export function ZoneField({ hint, ...rest }: Common & ComponentProps<"input">) {
  const list = useId();
  return (
    <>
      <TextField list={list} hint={hint ?? (HERE === "UTC" ? undefined : `Here it is ${HERE}.`)} {...rest} />
      <datalist id={list}>
        {ZONES.map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </>
  );
}
