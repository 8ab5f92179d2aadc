/** Closed until a test opens it; handlers and tests wait for each other at it. */
export class Gate<T = void> {
  open!: (value: T) => void;
  readonly opened = new Promise<T>((resolve) => {
    this.open = resolve;
  });
}
