/** Documents as YAML. */
import { Document } from "yaml";

/** One after the other, each able to stand alone; nothing for none. Lines of texts are kept as they are. */
export function writeDocuments(documents: Record<string, unknown>[]): string {
  return documents
    .map((value) =>
      new Document(value, { aliasDuplicateObjects: false }).toString({ lineWidth: 0, blockQuote: "literal" }),
    )
    .join("---\n");
}
