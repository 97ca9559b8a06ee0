/** The schema: the printed file is fresh, every root field has a rule, and what is promised is there. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { GraphQLObjectType } from "graphql";
import { expect, test } from "vitest";
import { RULES } from "../../server/graphql/rules.ts";
import { printedSchema, schema } from "../../server/graphql/schema.ts";

const file = fileURLToPath(new URL("../../schema.graphql", import.meta.url));

test("schema.graphql is what the code says; npm run generate writes it", () => {
  expect(readFileSync(file, "utf8")).toBe(printedSchema());
});

test.each(["Query", "Mutation", "Subscription"] as const)(
  "every field of %s has a rule, and every rule a field",
  (name) => {
    const type = schema.getType(name) as GraphQLObjectType;
    expect(Object.keys(RULES[name]).sort()).toEqual(Object.keys(type.getFields()).sort());
  },
);

test("operators start, stop and pause; administrators define; everybody else reads", () => {
  const having = (right: string) =>
    Object.values(RULES)
      .flatMap((rules) => Object.entries(rules))
      .flatMap(([name, given]) => (given === right ? [name] : []))
      .sort();
  expect(having("operate")).toEqual(
    [
      ...["cancelRun", "pauseTrigger", "resumeTrigger", "retryRun", "startRun", "startRuns"],
      ...["cancelRuns", "rerunRun", "runNow", "rescheduleRun", "rescheduleRuns"],
      ...["redriveDeadLetter", "redriveDeadLetters", "discardDeadLetter", "discardDeadLetters"],
      ...["drainExecutor", "undrainExecutor"],
      ...["suspendRun", "resumeRun", "pauseJob", "resumeJob"],
      ...["pauseTriggers", "resumeTriggers", "resetTrigger", "fireTrigger"],
      ...["createBackfill", "pauseBackfill", "resumeBackfill", "cancelBackfill"],
      ...["pauseGroup", "resumeGroup", "pauseNamespace", "resumeNamespace"],
      ...["recoverRun", "executeNode", "forceSuccess", "signalRun", "approveRun", "rejectRun", "commandRun"],
    ].sort(),
  );
  expect(having("administer")).toEqual(
    [
      "tokens",
      ...["createJob", "updateJob", "deleteJob", "createTrigger", "updateTrigger", "deleteTrigger"],
      ...["createCalendar", "updateCalendar", "importCalendar", "deleteCalendar"],
      ...["saveDraft", "publishDraft", "discardDraft"],
      "updateGroup",
      "updateNamespace",
      ...["createToken", "revokeToken"],
      ...["setSecret", "deleteSecret", "rotateSecrets"],
    ].sort(),
  );
  expect(having("administerAll")).toEqual(["createNamespace", "timeZoneUpdates"]);
});

test("a field without a rule is refused to everybody", async () => {
  const { guardSchema } = await import("../../server/graphql/rules.ts");
  const { buildSchema, graphql } = await import("graphql");
  const bare = buildSchema(
    "type Query { secret: String } type Mutation { x: Int } type Subscription { x: Int }",
  );
  const contextValue = { principal: { role: "ADMIN", namespaceId: null } };
  const { errors } = await graphql({ schema: guardSchema(bare), source: "{ secret }", contextValue });
  expect(errors?.[0]?.originalError).toMatchObject({ code: "FORBIDDEN" });
});

test("the fields of the contract are there", () => {
  const fieldsOf = (name: string) => Object.keys((schema.getType(name) as GraphQLObjectType).getFields());
  const words = (text: string) => text.trim().split(/\s+/);
  expect(fieldsOf("Run")).toEqual(
    expect.arrayContaining(
      words(`id namespace job trigger state holds priority input output error progress executor attempt attempts
        scheduledAt createdAt readyAt startedAt endedAt tags parent children log files`),
    ),
  );
  expect(fieldsOf("Trigger")).toEqual(
    expect.arrayContaining(words("name job schedule state nextFireAt lastFireAt nextFires occurrences")),
  );
  expect(fieldsOf("Attempt")).toEqual(
    expect.arrayContaining(words("number executor startedAt endedAt outcome error")),
  );
  expect(fieldsOf("Executor")).toEqual(
    expect.arrayContaining(words("name state groups types capacity running lastHeartbeatAt load")),
  );
  expect(fieldsOf("Job")).toEqual(
    expect.arrayContaining(
      words(`name description tags type group input priority retry timeout startDeadline version running lastRun
        nextFireAt triggers runs`),
    ),
  );
});
