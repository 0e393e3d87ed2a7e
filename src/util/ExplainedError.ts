/** An error whose message is complete: what was found, and what to do. */
export class ExplainedError extends Error {
  constructor(message: string) {
    super(message);
    // Its stack would show this line, which is no help.
    this.stack = undefined;
  }
}
