/** Sends a form once it is sound, and puts the server's complaint at the field it names. */
import { useState } from "react";
import type { AnyVariables, OperationResult } from "urql";
import { fieldOf, messageOf } from "../graphql/client.ts";
import { type Faults, fieldAtFault, type Reading } from "../model/forms.ts";

export type Submission<Data> = {
  /** Faults to show: the form's own only from the first attempt on. */
  faults: Faults;
  /** A fault that belongs to no field. */
  fault: string | undefined;
  /** Sends the values if the form is sound; gives the data, or undefined when something was wrong. */
  submit: () => Promise<Data | undefined>;
};

/** What the server said about a form, and which one that was. */
type Complaint = { form: string; field: string | undefined; message: string };

/** `fields` are the names that the server's complaint may point to, `named` what its path is called in the form. */
export function useSubmit<Values, Data, Variables extends AnyVariables>(
  reading: Reading<Values>,
  fields: readonly string[],
  send: (values: Values) => Promise<OperationResult<Data, Variables>>,
  named: (path: string | undefined) => string | undefined = (path) => path,
): Submission<Data> {
  const [tried, setTried] = useState(false);
  const [complaint, setComplaint] = useState<Complaint | undefined>(undefined);
  const form = JSON.stringify(reading);
  // A form that has been changed since is not what the server complained about.
  const said = complaint?.form === form ? complaint : undefined;
  const theirs: Faults = said?.field === undefined ? {} : { [said.field]: said.message };
  return {
    faults: tried ? { ...theirs, ...reading.faults } : theirs,
    fault: said !== undefined && said.field === undefined ? said.message : undefined,
    submit: async () => {
      setTried(true);
      setComplaint(undefined);
      if (reading.values === null) return undefined;
      const { data, error } = await send(reading.values);
      if (error === undefined) return data;
      setComplaint({ form, field: fieldAtFault(named(fieldOf(error)), fields), message: messageOf(error) });
      return undefined;
    },
  };
}
