import { BackendError } from '../../../../errors/backend.error.js';

/** The database file cannot be used as it is. */
export class FileError extends BackendError {
  /** @param patience how long it is tried again, in ms. */
  constructor(
    message: string,
    readonly patience: number,
    cause?: unknown,
  ) {
    super(message, { transient: true, cause });
    this.name = BackendError.name; // how long to try is nobody else's business
  }
}
