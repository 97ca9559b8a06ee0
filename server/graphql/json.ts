/** The value of the JSON scalar inside the server. */

/** JSON as text, as it is stored; a class of its own, so that it is not mistaken for a string inside other JSON. */
export class JsonText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Null stays null and absent stays absent: in a patch they mean different things. */
export function textOf<Nothing extends null | undefined>(json: JsonText | Nothing): string | Nothing {
  return json instanceof JsonText ? json.text : json;
}
