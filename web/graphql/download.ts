/** Saves things to the reader's disk, with the token where one is in use. */
import { authorization, currentToken } from "./session.ts";

function save(href: string, name: string): void {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.click();
}

function saveBlob(blob: Blob, name: string): void {
  const href = URL.createObjectURL(blob);
  save(href, name);
  // The browser has taken the blob over by the next turn of its loop, but not before.
  window.setTimeout(() => URL.revokeObjectURL(href), 0);
}

export const saveText = (pieces: string[], name: string): void =>
  saveBlob(new Blob(pieces, { type: "text/plain" }), name);

export const saveBytes = (bytes: Uint8Array<ArrayBuffer>, name: string): void =>
  saveBlob(new Blob([bytes]), name);

/** Downloads a file of this server. Without a token the browser streams it by itself; a link cannot carry one. Throws with a message for people. */
export async function saveFile(url: string, name: string): Promise<void> {
  if (currentToken() === null) return save(url, name);
  const answer = await fetch(url, { headers: authorization() });
  if (!answer.ok) throw new Error(`The server answered ${answer.status} for ${name}.`);
  saveBlob(await answer.blob(), name);
}
