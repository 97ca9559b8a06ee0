/**
 * Secrets as they are kept: AES-256-GCM under keys that only the servers' environment holds. What is authenticated
 * besides the text is whose it is, so a row copied to another name, or to another namespace, does not open.
 */
import { createCipheriv, createDecipheriv, createHash, createSecretKey, type KeyObject } from "node:crypto";
import { badInput, illegalState } from "./rejection.ts";

const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;
/** What GCM is made for; drawn at random, 2^32 of them are safe under one key. */
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Enough to tell a handful of keys apart, and nothing about the key. */
const KEY_ID_BYTES = 6;
/** A rotation needs two. */
const KEYS_MAX = 10;

/** A key does not show its bytes when it is printed. */
export interface SecretKey {
  id: string;
  key: KeyObject;
}

/** Whose text it is. Namespaces are never renamed. */
export interface SecretPlace {
  namespace: string;
  name: string;
}

/** An encrypted text, and which key opens it. */
export interface Sealed {
  /** Nonce, tag and encrypted text. */
  cipher: Buffer;
  keyId: string;
}

const BASE64 = /^[A-Za-z0-9+/]{43}=$/;
const MAKE_ONE = "`openssl rand -base64 32`";

/**
 * The keys of a list such as `new,old`: the first encrypts, all decrypt. None when there is no list. Throws BAD_INPUT
 * saying which is malformed, without a word of what it holds.
 */
export function readSecretKeys(text: string | undefined, field: string): SecretKey[] {
  if (text === undefined) return [];
  const keys = text.split(",").map((part, at) => {
    const bytes = BASE64.test(part.trim()) ? Buffer.from(part, "base64") : null;
    if (bytes?.length === KEY_BYTES) return keyOf(bytes);
    throw badInput(
      field,
      `key ${at + 1} of the list is not ${KEY_BYTES} bytes in Base64 (44 characters); make one with ${MAKE_ONE}`,
    );
  });
  if (keys.length > KEYS_MAX)
    throw badInput(field, `has ${keys.length} keys; at most ${KEYS_MAX} are allowed`);
  return keys;
}

function keyOf(bytes: Buffer): SecretKey {
  const hash = createHash("sha256").update(bytes).digest();
  return { id: hash.subarray(0, KEY_ID_BYTES).toString("hex"), key: createSecretKey(bytes) };
}

/** The key that encrypts. Throws ILLEGAL_STATE when there is none, saying how to make one. */
export function sealingKey([first]: readonly SecretKey[]): SecretKey {
  if (first) return first;
  throw illegalState(
    `this server has no key to keep secrets with: set ESCAPEMENT_SECRET_KEY to what ${MAKE_ONE} prints, the same for every server, and start it again`,
  );
}

const associated = ({ namespace, name }: SecretPlace): Buffer =>
  Buffer.from(JSON.stringify(["escapement.secret", namespace, name]));

/** Encrypts a text. `nonce` is NONCE_BYTES long and must never come twice. */
export function seal({ id, key }: SecretKey, place: SecretPlace, text: string, nonce: Buffer): Sealed {
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associated(place));
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return { cipher: Buffer.concat([nonce, cipher.getAuthTag(), body]), keyId: id };
}

/** Decrypts a text. Throws ILLEGAL_STATE when its key is missing or it is not what was written there, saying what to do. */
export function unseal(keys: readonly SecretKey[], place: SecretPlace, { cipher, keyId }: Sealed): string {
  const known = keys.find(({ id }) => id === keyId);
  if (!known) {
    throw illegalState(
      `${named(place)} is encrypted with the key ${keyId}, which this server does not have: add it to ESCAPEMENT_SECRET_KEY and start the server again, or set the secret anew`,
    );
  }
  const nonce = cipher.subarray(0, NONCE_BYTES);
  const tag = cipher.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  try {
    const opening = createDecipheriv(ALGORITHM, known.key, nonce, { authTagLength: TAG_BYTES });
    opening.setAAD(associated(place));
    opening.setAuthTag(tag);
    const body = cipher.subarray(NONCE_BYTES + TAG_BYTES);
    return Buffer.concat([opening.update(body), opening.final()]).toString("utf8");
  } catch {
    throw illegalState(
      `${named(place)} does not open: its row was changed, or copied from another one; set the secret anew`,
    );
  }
}

/** A secret in words. */
export const named = ({ namespace, name }: SecretPlace): string =>
  `secret "${name}" of namespace "${namespace}"`;
