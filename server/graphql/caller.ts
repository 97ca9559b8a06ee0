/** Who asks, as pauses and backfills remember it. */
import type { Principal } from "../core/principal.ts";

/** A token's id, or who needed none. */
export const whoIs = ({ tokenId, authentication }: Principal): string =>
  tokenId ?? (authentication ? "administrator" : "anybody");
