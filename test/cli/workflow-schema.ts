/** The schema that documents are checked against where no server is asked. */
import { readFileSync } from "node:fs";
import { buildSchema, extendSchema, type GraphQLSchema, parse, printSchema } from "graphql";

/** The schema as it is, and with workflows as they are agreed on if it has none yet. */
export const schema = withWorkflows(
  buildSchema(readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8")),
);

function withWorkflows(given: GraphQLSchema): GraphQLSchema {
  if (given.getType("WorkflowInput") !== undefined) return given;
  const optional = printSchema(given).replace(
    "type: String!\n  unique: UniqueInput",
    "type: String\n  unique: UniqueInput",
  );
  return extendSchema(
    buildSchema(optional),
    parse(`
      enum FailureStrategy { CONTINUE END }
      enum TimeoutAction { WARN FAIL BOTH }
      enum NodeFailure { FAIL IGNORE }
      enum WorkflowEvent { STARTED SUCCEEDED FAILED CANCELLED SUSPENDED TIMEOUT NODE_FAILED }
      input NotifyInput { on: [WorkflowEvent!]!, job: String! }
      input NodeInput {
        key: String!, after: [String!] = [], type: String, job: String, description: String, input: JSON, params: JSON
        group: String, priority: Int = 5, retry: RetryInput, timeout: Duration, onTimeout: TimeoutAction = FAIL
        delay: Duration, forbidden: Boolean = false, onFailure: NodeFailure = FAIL, cache: Boolean = false
      }
      input WorkflowInput {
        nodes: [NodeInput!]!, failureStrategy: FailureStrategy = CONTINUE, params: JSON, timeout: Duration
        onTimeout: TimeoutAction = FAIL, output: JSON, timeZone: String = "UTC", notify: [NotifyInput!], layout: JSON
      }
      type Notify { on: [WorkflowEvent!]!, job: String! }
      type WorkflowNode {
        key: String!, after: [String!]!, type: String, job: String, description: String, input: JSON, params: JSON
        group: String, priority: Int!, retry: Retry, timeout: Duration, onTimeout: TimeoutAction!
        delay: Duration, forbidden: Boolean!, onFailure: NodeFailure!, cache: Boolean!, run: Run
      }
      type Workflow {
        nodes: [WorkflowNode!]!, failureStrategy: FailureStrategy!, params: JSON, timeout: Duration
        onTimeout: TimeoutAction!, output: JSON, timeZone: String!, notify: [Notify!]!, layout: JSON
      }
      extend input JobInput { workflow: WorkflowInput }
      extend input JobPatch { workflow: WorkflowInput }
      extend type Job { workflow: Workflow }
    `),
  );
}
