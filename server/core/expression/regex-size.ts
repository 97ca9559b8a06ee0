/** How large the machine for a regular expression becomes: counted repeats make short patterns expensive. */

/** An upper bound of its states, roughly: each atom is one, and a repeat as many as it can repeat. */
export function regexSize(pattern: string): number {
  /** Sizes of the sequences that are open, and of the last atom of each. */
  const open = [{ size: 1, last: 0 }];
  for (let index = 0; index < pattern.length; index++) {
    const char = pattern.charAt(index);
    const top = open.at(-1) ?? { size: 0, last: 0 };
    if (char === "(") open.push({ size: 1, last: 0 });
    else if (char === ")" && open.length > 1) {
      open.pop();
      const around = open.at(-1) ?? top;
      around.size += top.size;
      around.last = top.size;
    } else if (char === "{") {
      const [repeat, least, most] = /^\{(\d+)(?:,(\d*))?\}/.exec(pattern.slice(index, index + 16)) ?? [];
      if (repeat === undefined) continue;
      top.size += top.last * Math.max(Number(least), Number(most ?? 0));
      index += repeat.length - 1;
    } else {
      if (char === "\\") index++;
      if (char === "[") index = classEnd(pattern, index);
      top.size++;
      top.last = 1;
    }
  }
  return open.reduce((sum, { size }) => sum + size, 0);
}

function classEnd(pattern: string, start: number): number {
  // A bracket directly after the opening one belongs to the class.
  for (let index = start + 2; index < pattern.length; index++) {
    if (pattern.charAt(index) === "\\") index++;
    else if (pattern.charAt(index) === "]") return index;
  }
  return pattern.length;
}
