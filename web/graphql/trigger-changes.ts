/** Mutations of triggers, and what they say they do to fires. */
import { graphql } from "./tada.ts";
import { ScheduleParts } from "./triggers.ts";

export const FireChangesParts = graphql(`
  fragment FireChangesParts on FireChanges {
    from
    until
    unchanged
    added
    removed
    moved { from to }
  }
`);

export const CreateTrigger = graphql(`
  mutation CreateTrigger($input: TriggerInput!) {
    createTrigger(input: $input) { id name }
  }
`);

export const UpdateTrigger = graphql(
  `
    mutation UpdateTrigger(
      $namespace: String, $name: String!, $input: TriggerPatch!, $version: Int, $dryRun: Boolean
    ) {
      updateTrigger(namespace: $namespace, name: $name, input: $input, version: $version, dryRun: $dryRun) {
        id
        state
        version
        ...ScheduleParts
        changes { ...FireChangesParts }
      }
    }
  `,
  [ScheduleParts, FireChangesParts],
);

export const FireTrigger = graphql(`
  mutation FireTrigger($namespace: String, $name: String!, $input: JSON) {
    fireTrigger(namespace: $namespace, name: $name, input: $input) { id state }
  }
`);

export const ResetTrigger = graphql(`
  mutation ResetTrigger($namespace: String, $name: String!) {
    resetTrigger(namespace: $namespace, name: $name) { id state reason }
  }
`);

export const DeleteTrigger = graphql(`
  mutation DeleteTrigger($namespace: String, $name: String!) {
    deleteTrigger(namespace: $namespace, name: $name)
  }
`);
