/** Whose the transaction is that a connection has open. */
export class Turn {
  /** Something about a task was written in it. */
  hasTasks = false;
  /** Others have begun to write in it, too: what one of them rolls back all of them lose. */
  isShared = false;
  isOver = false;

  /** @param isKnown whether it can be told from others who may use it: by where they are called. */
  constructor(readonly isKnown: boolean) {}
}
