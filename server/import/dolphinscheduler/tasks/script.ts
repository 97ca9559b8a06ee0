/** SHELL and PYTHON tasks: a script with parameters put in. */
import { type NodeContext, type NodeKind, textOf } from "../context.ts";
import { text } from "../readers.ts";

/** DolphinScheduler runs them with bash; a shell node's script is for /bin/sh unless its first line says otherwise. */
export function shell(context: NodeContext): NodeKind {
  const script = scriptOf(context);
  if (script.startsWith("#!")) return { type: "shell", input: { script } };
  context.task.params.say("rawScript", "input.script", "with a first line that says it is for bash");
  return { type: "shell", input: { script: `#!/bin/bash\n${script}` } };
}

export const python = (context: NodeContext): NodeKind => ({
  type: "python",
  input: { script: scriptOf(context) },
});

function scriptOf(context: NodeContext): string {
  const script = text(context.task.params, "rawScript", "input.script") ?? "";
  return textOf(context, script, "taskParams.rawScript");
}
