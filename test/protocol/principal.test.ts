/** What each role may do, in its namespace and elsewhere. */
import { expect, test } from "vitest";
import {
  ANYBODY,
  mayAdminister,
  mayOperate,
  mayRead,
  mayWork,
  type Principal,
  type Role,
} from "../../server/core/principal.ts";

const holder = (role: Role, namespaceId: number | null, groups: string[] | null = null): Principal => ({
  role,
  namespaceId,
  groups,
  tokenId: "t",
  authentication: true,
});

/** What a token of namespace 1 may do there. */
const RIGHTS: [role: Role, read: boolean, operate: boolean, administer: boolean, work: boolean][] = [
  ["VIEWER", true, false, false, false],
  ["OPERATOR", true, true, false, false],
  ["ADMIN", true, true, true, true],
  ["WORKER", false, false, false, true],
];

test.each(RIGHTS)("%s in its own namespace and nowhere else", (role, read, operate, administer, work) => {
  const decisions = (principal: Principal, namespaceId: number | null) => [
    mayRead(principal, namespaceId),
    mayOperate(principal, namespaceId),
    mayAdminister(principal, namespaceId),
    mayWork(principal, namespaceId),
  ];
  const allowed = [read, operate, administer, work];
  expect(decisions(holder(role, 1), 1)).toEqual(allowed);
  expect(decisions(holder(role, 1), 2)).toEqual([false, false, false, false]);
  expect(decisions(holder(role, 1), null)).toEqual([false, false, false, false]);
  expect(decisions(holder(role, null), 2)).toEqual(allowed);
  expect(decisions(holder(role, null), null)).toEqual(allowed);
});

test("a worker's token for certain groups works for those only", () => {
  const worker = holder("WORKER", 1, ["gpu"]);
  expect([mayWork(worker, 1, "gpu"), mayWork(worker, 1, "default"), mayWork(worker, 2, "gpu")]).toEqual([
    true,
    false,
    false,
  ]);
  expect(mayWork(holder("WORKER", 1), 1, "anything")).toBe(true);
});

test("without authentication everybody may do everything everywhere", () => {
  expect([mayAdminister(ANYBODY, null), mayWork(ANYBODY, 3, "x"), mayOperate(ANYBODY, 2)]).toEqual([
    true,
    true,
    true,
  ]);
});
