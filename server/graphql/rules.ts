/**
 * Who may ask for what: one right for each field of Query, Mutation and Subscription, and a refusal for a field that
 * is not here. Which namespace is meant is bounded elsewhere: `namespaceOf`, `namespaceShown` and `visible`.
 */
import { defaultFieldResolver, type GraphQLField, type GraphQLSchema } from "graphql";
import { mayAdminister, mayOperate, mayRead, type Principal } from "../core/principal.ts";
import { forbidden } from "../core/rejection.ts";
import type { Context } from "./context.ts";

/** Each in the caller's own namespaces, except the last. */
type Right = "read" | "operate" | "administer" | "administerAll";

export const RULES: Record<"Query" | "Mutation" | "Subscription", Record<string, Right>> = {
  Query: {
    pauses: "read",
    groups: "read",
    node: "read",
    namespaces: "read",
    job: "read",
    jobs: "read",
    draft: "read",
    drafts: "read",
    trigger: "read",
    triggers: "read",
    triggerPauses: "read",
    previewFires: "read",
    previewSchedule: "read",
    describeSchedule: "read",
    auditTrigger: "read",
    backfills: "read",
    timeZoneUpdates: "administerAll",
    forecast: "read",
    calendar: "read",
    calendars: "read",
    run: "read",
    runs: "read",
    deadLetters: "read",
    deadLetterCount: "read",
    deadLetterGroups: "read",
    executors: "read",
    taskTypes: "read",
    overview: "read",
    tokens: "administer",
    secrets: "read",
    viewer: "read",
  },
  Mutation: {
    createNamespace: "administerAll",
    updateNamespace: "administer",
    updateGroup: "administer",
    createJob: "administer",
    updateJob: "administer",
    deleteJob: "administer",
    saveDraft: "administer",
    publishDraft: "administer",
    discardDraft: "administer",
    createTrigger: "administer",
    updateTrigger: "administer",
    deleteTrigger: "administer",
    resetTrigger: "operate",
    fireTrigger: "operate",
    createBackfill: "operate",
    pauseBackfill: "operate",
    resumeBackfill: "operate",
    cancelBackfill: "operate",
    createCalendar: "administer",
    updateCalendar: "administer",
    importCalendar: "administer",
    deleteCalendar: "administer",
    pauseTrigger: "operate",
    pauseTriggers: "operate",
    resumeTriggers: "operate",
    pauseJob: "operate",
    resumeJob: "operate",
    pauseGroup: "operate",
    resumeGroup: "operate",
    pauseNamespace: "operate",
    resumeNamespace: "operate",
    suspendRun: "operate",
    resumeRun: "operate",
    resumeTrigger: "operate",
    startRun: "operate",
    startRuns: "operate",
    cancelRun: "operate",
    cancelRuns: "operate",
    rescheduleRun: "operate",
    rescheduleRuns: "operate",
    retryRun: "operate",
    rerunRun: "operate",
    recoverRun: "operate",
    executeNode: "operate",
    forceSuccess: "operate",
    signalRun: "operate",
    approveRun: "operate",
    rejectRun: "operate",
    commandRun: "operate",
    runNow: "operate",
    redriveDeadLetter: "operate",
    redriveDeadLetters: "operate",
    discardDeadLetter: "operate",
    discardDeadLetters: "operate",
    drainExecutor: "operate",
    undrainExecutor: "operate",
    createToken: "administer",
    revokeToken: "administer",
    setSecret: "administer",
    deleteSecret: "administer",
    rotateSecrets: "administer",
  },
  Subscription: {
    runChanged: "read",
    jobChanged: "read",
    triggerChanged: "read",
    executorChanged: "read",
    runLog: "read",
    overviewChanged: "read",
  },
};

const HAS: Record<Right, (principal: Principal) => boolean> = {
  read: (principal) => mayRead(principal, principal.namespaceId),
  operate: (principal) => mayOperate(principal, principal.namespaceId),
  administer: (principal) => mayAdminister(principal, principal.namespaceId),
  administerAll: (principal) => mayAdminister(principal, null),
};

const NEEDS: Record<Right, string> = {
  read: "a token of the role VIEWER, OPERATOR or ADMIN",
  operate: "a token of the role OPERATOR or ADMIN",
  administer: "a token of the role ADMIN",
  administerAll: "a token of the role ADMIN for every namespace",
};

/** Puts the rules before the resolvers of the schema's root fields. */
export function guardSchema(schema: GraphQLSchema): GraphQLSchema {
  for (const [name, rules] of Object.entries(RULES)) {
    const type = schema.getType(name);
    if (type === undefined || !("getFields" in type)) throw new Error(`the schema has no type ${name}`);
    for (const field of Object.values(type.getFields())) {
      guardField(field as GraphQLField<unknown, Context>, rules[field.name]);
    }
  }
  return schema;
}

function guardField(field: GraphQLField<unknown, Context>, right: Right | undefined): void {
  const check = ({ principal }: Context): void => {
    if (right === undefined) throw forbidden(`nobody may use ${field.name}`);
    if (!HAS[right](principal))
      throw forbidden(`${field.name} needs ${NEEDS[right]}; yours is ${principal.role}`);
  };
  const { resolve = defaultFieldResolver, subscribe } = field;
  field.resolve = (root, args, context, info) => {
    check(context);
    return resolve(root, args, context, info);
  };
  if (subscribe) {
    field.subscribe = (root, args, context, info) => {
      check(context);
      return subscribe(root, args, context, info);
    };
  }
}
