/** `escapement tokens`: who may ask; one created or revoked. */
import type { Command } from "commander";
import { asking, documented, type Session } from "./session.ts";
import { gather, readWord } from "./values.ts";

interface TokenAnswer {
  id: string;
  name: string;
  role: string;
  namespace: string | null;
  groups: string[] | null;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
  revokedAt: string | null;
}

const TOKEN = "id name role namespace groups createdAt expiresAt lastUsedAt revokedAt";

export function tokens(command: Command): void {
  documented(command, "escapement tokens create ci --role operator --namespace shop");
  documented(
    command.command("list", { isDefault: true }).description("list them, newest first"),
    "escapement tokens",
  ).action(asking(list));
  documented(
    command
      .command("create <name>")
      .description("make one; its secret is printed now and never again")
      .requiredOption(
        "--role <role>",
        "viewer reads, operator also starts and cancels, admin also defines, worker claims",
        readWord,
      )
      .option("--group <group>", "of a worker: the only group it may work for; may be repeated", gather)
      .option("--expires <time>", "when it ends, such as 2030-01-31T08:00:00Z"),
    "escapement tokens create ci --role operator --namespace shop\nESCAPEMENT_TOKEN=$(escapement tokens create ci --role viewer --json | jq -r .secret)",
  ).action(asking(create));
  documented(
    command.command("revoke <id>").description("end it, everywhere within seconds"),
    "escapement tokens revoke 7",
  ).action(asking(revoke));
}

async function list({ client, out, json }: Session): Promise<void> {
  const { tokens: found } = await client.ask<{ tokens: TokenAnswer[] }>(`{ tokens { ${TOKEN} } }`);
  if (json) return out.json(found);
  out.table(
    ["TOKEN", "NAME", "ROLE", "NAMESPACE", "GROUPS", "LAST USED", "ENDS"],
    found.map(({ id, name, role, namespace, groups, lastUsedAt, expiresAt, revokedAt }) => [
      id,
      name,
      role,
      namespace ?? "all",
      groups?.join(",") ?? "",
      out.time(lastUsedAt),
      revokedAt === null ? out.time(expiresAt) : out.word("revoked"),
    ]),
    "No tokens.",
  );
}

interface CreateOptions {
  role: string;
  group?: string[];
  expires?: string;
}

async function create(session: Session, name: string, options: CreateOptions): Promise<void> {
  const { client, out, json, namespaceShown: namespace } = session;
  const { role, group: groups, expires: expiresAt } = options;
  const { createToken } = await client.ask<{ createToken: { secret: string; token: TokenAnswer } }>(
    `mutation ($input: TokenInput!) { createToken(input: $input) { secret token { ${TOKEN} } } }`,
    { input: { name, role, groups, expiresAt, namespace } },
  );
  if (json) return out.json(createToken);
  const { id, namespace: bound } = createToken.token;
  out.line(
    `${out.colors.green("✔")} Token ${id}, ${name}: ${role} of ${bound ?? "every namespace"}. Its secret:`,
  );
  out.line(createToken.secret);
}

async function revoke({ client, out, json }: Session, id: string): Promise<void> {
  const { revokeToken } = await client.ask<{ revokeToken: TokenAnswer }>(
    `mutation ($id: ID!) { revokeToken(id: $id) { ${TOKEN} } }`,
    { id },
  );
  if (json) return out.json(revokeToken);
  out.line(`${out.colors.green("✔")} Token ${id}, ${revokeToken.name}, is revoked`);
}
